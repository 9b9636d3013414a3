// The body of a generated method or function: a call of the operator that its arguments choose.
import { camelCase } from "./signature.js";

/** @param given the name of the array that holds the positional arguments, where they have no names */
export function invocation(signature, isMethod, given) {
  const { positional, names, creates, result } = signature;
  const operator = choice(signature);
  const inOrder = leading(signature);
  const args = [
    ...(isMethod ? ["this"] : []),
    ...(given ? [`...${given}`] : inOrder.map(({ name }) => name)),
  ];
  const options = optionsOf(signature, given ? [] : positional.slice(inOrder.length));
  if (given && inOrder.length < positional.length)
    throw new Error(`${operator}: overloads keep the schema's order`);
  const list = given && !isMethod ? given : `[${args.join(", ")}]`;
  const call = `${creates ? "create" : "call"}(${operator}, ${list}${options})`;
  if (result === "this") return `${call};\nreturn this;`;
  const cast = creates || given ? "" : ` as ${result}`;
  if (names) return `return withNames(${call}, ${JSON.stringify(names)})${cast};`;
  return `return ${call}${cast};`;
}

/** The parameters that stand where the schema has them; the others go by name. */
function leading({ schemas, self, positional }) {
  const expected = schemas[0].arguments.map(({ name }) => name).filter((name) => name !== self);
  const end = positional.findIndex((each, i) => each.schemaNames[0] !== expected[i]);
  return end < 0 ? positional : positional.slice(0, end);
}

function optionsOf({ hasOptions, defaults }, byName) {
  const fields = [
    ...defaults.map(([name, value]) => `${camelCase(name)}: ${JSON.stringify(value)}`),
    ...(hasOptions ? ["...options"] : []),
    ...byName.map(({ schemaNames, name }) => field(camelCase(schemaNames[0]), name)),
  ];
  if (fields.length === 0) return "";
  return fields.join() === "...options" ? ", options" : `, { ${fields.join(", ")} }`;
}

function field(key, value) {
  return key === value ? key : `${key}: ${value}`;
}

/** The overload's name, as an expression where the arguments decide. */
function choice({ schemas, positional }) {
  const [first, second] = schemas.map(({ name }) => JSON.stringify(`aten::${name}`));
  if (!second) return first;
  const telling = positional.filter(({ kinds }) => kinds[0] !== kinds[1]);
  const special = telling[0].kinds.find((kind) => kind !== "number");
  const list = telling.map(({ name }) => name).join(", ");
  const test = special === "tensor" ? `anyTensor(${list})` : `Array.isArray(${telling[0].name})`;
  return telling[0].kinds[0] === special
    ? `${test} ? ${first} : ${second}`
    : `${test} ? ${second} : ${first}`;
}
