import protobuf from "protobufjs/light.js";

/** A field: one or many of a type, or a map from texts to it, and its number. */
export type Field = readonly [rule: "one" | "many" | "map", type: string, id: number];

/** Message types by name, with the numbers that their .proto file has. */
export type Messages = Readonly<Record<string, Readonly<Record<string, Field>>>>;

/**
 * Encodes plain data as one of `messages`.
 * @param options.zeros whether a 0, false or empty text that is there is written, as a member of a `oneof` must be. Default
 * false: it is what a reader takes a missing one for
 */
export function messageEncoder(
  messages: Messages,
  { zeros = false } = {},
): (type: string, message: object) => Uint8Array {
  const nested = Object.entries(messages).map(([name, fields]) => {
    return [name, zeros ? { ...EXPLICIT, fields: describe(fields) } : { fields: describe(fields) }];
  });
  const whole = { nested: Object.fromEntries(nested) as Record<string, protobuf.IType> };
  const root = protobuf.Root.fromJSON(zeros ? { ...EXPLICIT, ...whole } : whole);
  return (type, message) => root.lookupType(type).encode(message).finish();
}

/** The syntax in which a field that is there is written, whatever it is. */
const EXPLICIT = { edition: "proto2" };

function describe(fields: Messages[string]): protobuf.IType["fields"] {
  const described = Object.entries(fields).map(([name, [rule, type, id]]) => {
    if (rule === "map") return [name, { keyType: "string", type, id }];
    return [name, { type, id, rule: rule === "many" ? "repeated" : undefined }];
  });
  return Object.fromEntries(described) as protobuf.IType["fields"];
}
