// A TypeScript signature for schemas that differ in the types of their arguments only.

/** Arguments that have one sensible value here. */
const HIDDEN = new Set([
  "layout",
  "pin_memory",
  "implicit",
  "sparse_grad",
  "UPLO",
  "driver",
  "compute_mode",
  "path",
]);
const CUDNN = /^cudnn_enabled?$/;

/** Strings that an argument may be, by its name. */
const CHOICES = {
  rounding_mode: ["trunc", "floor"],
  approximate: ["none", "tanh"],
  indexing: ["ij", "xy"],
  side: ["left", "right"],
  interpolation: ["linear", "lower", "higher", "midpoint", "nearest"],
  reduce: ["sum", "prod", "mean", "amax", "amin"],
  interpolation_mode: ["bilinear", "nearest", "bicubic"],
  padding_mode: ["zeros", "border", "reflection"],
};
const PAD_MODES = ["constant", "reflect", "replicate", "circular"];

const TYPES = {
  Tensor: "Tensor",
  Scalar: "number | bigint",
  int: "number",
  SymInt: "number",
  float: "number",
  bool: "boolean",
  str: "string",
  ScalarType: "Dtype",
  Device: "Device",
  MemoryFormat: "MemoryFormat",
  Generator: "Generator",
};

/**
 * { schemas, self, positional, hasOptions, creates, defaults, names, result, parameters(withDefault) }, where `positional` holds, for each
 * parameter, { schemaNames, name, type, optional, value }.
 */
export function signature(schemas, entry, isMethod) {
  const [first] = schemas;
  const all = first.arguments.filter(({ name }) => !isHidden(name));
  const self = isMethod ? all[0].name : undefined;
  const wanted = positionalNames(all, entry, schemas.length > 1 || !entry.overloads);
  const positional = wanted.map((name) => parameter(schemas, name, entry));
  const rest = all.filter(({ name }) => name !== self && !wanted.includes(name));
  const options = optionsType(rest, entry);
  const parameters = positional.filter((each) => each.schemaNames[0] !== self);
  return {
    schemas,
    self,
    positional: parameters,
    hasOptions: options !== undefined,
    creates: Boolean(entry.creates),
    defaults: hiddenDefaults(first, entry, parameters),
    names: namesOf(first.results, entry),
    result: isMethod && first.base.endsWith("_") ? "this" : resultType(first, entry),
    parameters: (withDefault) => parameterList(parameters, options, withDefault),
  };
}

function isHidden(name) {
  return HIDDEN.has(name) || CUDNN.test(name);
}

/** The names of the arguments that become parameters: those listed, or those that must be given. */
function positionalNames(all, entry, takesList) {
  const required = all
    .filter((each) => !each.keywordOnly && each.default === undefined && !each.type.endsWith("?"))
    .map(({ name }) => name);
  if (!entry.parameters) return required.filter((name) => !(name in (entry.defaults ?? {})));
  const present = entry.parameters.filter((name) => all.some((each) => each.name === name));
  return takesList ? present : [...new Set([...required, ...present])];
}

function parameter(schemas, name, entry) {
  const position = schemas[0].arguments.findIndex((each) => each.name === name);
  const variants = schemas.map((schema) => schema.arguments[position]);
  const types = variants.map((each) => typeOf(each));
  if (entry.numbers?.includes(name)) types.push("number");
  const given = entry.defaults?.[name];
  return {
    schemaNames: variants.map((each) => each.name),
    name: parameterName(name),
    type: [...new Set(types.flatMap((each) => each.split(" | ")))].join(" | "),
    optional: variants[0].default !== undefined || variants[0].type.endsWith("?"),
    value: given,
    nullable: variants[0].type.endsWith("?"),
    kinds: variants.map((each) => kindOf(each.type)),
  };
}

/** "number", "list" or "tensor": by what overloads can be told apart. */
function kindOf(type) {
  if (type.startsWith("Tensor")) return "tensor";
  return type.includes("[]") ? "list" : "number";
}

function typeOf({ name, type, keywordOnly }) {
  const choices = CHOICES[name] ?? (name === "mode" && type === "str" ? PAD_MODES : undefined);
  if (choices) return choices.map((choice) => JSON.stringify(choice)).join(" | ");
  if (name === "reduction") return "Reduction";
  const base = type.replace(/\?$/, "");
  const list = /^(\w+)\??\[(\d*)\]$/.exec(base);
  if (!list) return known(base, keywordOnly);
  const each = known(list[1]);
  // A number stands for all of an int[2], and is the only element of an int[].
  return list[2] !== "" || /int$/i.test(list[1]) ? `${each} | readonly ${each}[]` : `readonly ${each}[]`;
}

function known(type) {
  if (!TYPES[type]) throw new Error(`no TypeScript type is known for ${type}`);
  return TYPES[type];
}

function optionsType(rest, entry) {
  const own = rest.filter(({ name }) => !(entry.creates && (name === "dtype" || name === "device")));
  const fields = own.map((each) => `${optionName(each.name)}?: ${typeOf(each)}`);
  if (entry.creates) {
    const extra = fields.length > 0 ? ` & { ${fields.join("; ")} }` : "";
    return `CreationOptions${extra}`;
  }
  return fields.length > 0 ? `{ ${fields.join("; ")} }` : undefined;
}

/** Options travel under their camelCase name, which must lead back to the schema's. */
function optionName(name) {
  const option = camelCase(name);
  if (option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) === name) return option;
  throw new Error(`the option ${name} has no camelCase name`);
}

function parameterList(parameters, options, withDefault) {
  const list = parameters.map(({ name, type, optional, nullable, value }, i) => {
    if (value !== undefined)
      return withDefault ? `${name}: ${type} = ${JSON.stringify(value)}` : `${name}?: ${type}`;
    // A parameter may be omitted only where all after it may be.
    const mayOmit =
      optional && parameters.slice(i).every((each) => each.optional || each.value !== undefined);
    if (mayOmit) return `${name}?: ${type}${nullable ? " | null" : ""}`;
    return `${name}: ${type}${nullable ? " | null" : ""}`;
  });
  if (options) list.push(`options?: ${options}`);
  return list.join(", ");
}

/** What the list says for arguments that are options without a default in the schema, or hidden ones. */
function hiddenDefaults(schema, entry, parameters) {
  const defaults = Object.entries(entry.defaults ?? {}).filter(
    ([name]) =>
      schema.arguments.some((each) => each.name === name) &&
      !parameters.some((each) => each.schemaNames[0] === name),
  );
  const cudnn = schema.arguments.find(({ name, default: value }) => CUDNN.test(name) && value === undefined);
  return cudnn ? [...defaults, [cudnn.name, true]] : defaults;
}

function resultType({ results }, entry) {
  const names = namesOf(results, entry);
  if (names) {
    const tuple = results.map(() => "Tensor").join(", ");
    return `NamedResults<[${tuple}], ${names.map((name) => JSON.stringify(name)).join(" | ")}>`;
  }
  const types = results.map(({ type }) => known(type.replace("[]", "")) + (type.endsWith("[]") ? "[]" : ""));
  return types.length === 1 ? types[0] : `[${types.join(", ")}]`;
}

/** The results' names, from the list or the schema. */
function namesOf(results, entry) {
  if (results.length === 1) return undefined;
  if (entry.results) return entry.results;
  return results.every(({ name }) => name) ? results.map(({ name }) => camelCase(name)) : undefined;
}

function parameterName(name) {
  if (name === "self") return "input";
  const camel = camelCase(name);
  return camel.length === 1 ? camel.toLowerCase() : camel;
}

export function camelCase(name) {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}
