import { z } from "zod";

/** A definition for each of a registry's, with a table of its options. */
export function optionTables({ definitions, tag, common }, texts, source) {
  const parts = definitions.map(({ name, summary, options }) =>
    [`**\`${tag}: "${name}"\`** ${summary}.`, table(options, texts[name], `${source}: ${name}`)].join("\n\n"),
  );
  if (Object.keys(common).length > 0) {
    parts.push(["Each of them also takes", table(common, texts[""], source)].join("\n\n"));
  }
  return parts.join("\n\n");
}

function table(options, texts, source) {
  const rows = Object.entries(options).map(([option, schema]) => {
    const text = texts[option];
    if (!text) throw new Error(`${source}: the option ${option} has no comment that says what it is`);
    return [
      `\`${option}\``,
      values(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })),
      standard(schema),
      text,
    ];
  });
  if (rows.length === 0) return "";
  const lines = [["Option", "Takes", "Default", "What it is"], ["-", "-", "-", "-"], ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

function standard(schema) {
  if (schema instanceof z.ZodDefault) return code(schema.def.defaultValue);
  return schema.safeParse(undefined).success ? "" : "must be given";
}

function code(value) {
  return `\`${JSON.stringify(value)}\``;
}

/** What a schema takes, in words. */
function values(schema) {
  if (schema.$ref) return schema.$ref.replace("#/$defs/", "");
  if (schema.title) return schema.title;
  if ("const" in schema) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(", ");
  if (schema.oneOf) return `{ ${oneOf(schema.oneOf)}, … }`;
  if (schema.anyOf) return schema.anyOf.map(values).join(" or ");
  switch (schema.type) {
    case "number":
    case "integer":
      return [schema.type, range(schema)].join(" ").trim();
    case "array":
      if (schema.prefixItems) return tuple(schema.prefixItems.map(values));
      return `list of ${values(schema.items ?? {})}`;
    case "object":
      return schema.properties
        ? `{ ${Object.entries(schema.properties).map(property).join(", ")} }`
        : "object";
    default:
      return schema.type ?? "";
  }

  function property([name, inner]) {
    return `${name}${schema.required?.includes(name) ? "" : "?"}: ${values(inner)}${"default" in inner ? ` = ${JSON.stringify(inner.default)}` : ""}`;
  }
}

/** The key that tells a union's alternatives apart, with its values. */
function oneOf(alternatives) {
  const [tag] = Object.entries(alternatives[0].properties).find(([, inner]) => "const" in inner);
  return `${tag}: ${alternatives.map(({ properties }) => code(properties[tag].const)).join(" or ")}`;
}

function tuple(items) {
  const isOfOne = new Set(items).size === 1;
  return isOfOne ? `list of ${items.length}: ${items[0]}` : `[${items.join(", ")}]`;
}

/** What a number must be: "from 1 to 65535", "from 0 to less than 1", "of at least 0", "above 0". */
function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }) {
  const isLimit = (value) => value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  const least = isLimit(minimum) ? minimum : undefined;
  const above = isLimit(exclusiveMinimum) ? exclusiveMinimum : undefined;
  const below = isLimit(exclusiveMaximum) ? exclusiveMaximum : undefined;
  const most = isLimit(maximum) ? maximum : undefined;
  if (least !== undefined && most !== undefined) return `from ${least} to ${most}`;
  if (least !== undefined && below !== undefined) return `from ${least} to less than ${below}`;
  const words = { "of at least": least, above, "at most": most, "less than": below };
  return Object.entries(words)
    .filter(([, limit]) => limit !== undefined)
    .map(([word, limit]) => `${word} ${limit}`)
    .join(" and ");
}
