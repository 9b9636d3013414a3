import protobuf from "protobufjs/light.js";

/** A field: one or many of a type, or a map from texts to it, and its number. */
export type Field = readonly [rule: "one" | "many" | "map", type: string, id: number];

/** Message types by name, with the numbers that their .proto file has. */
export type Messages = Readonly<Record<string, Readonly<Record<string, Field>>>>;

/** Encodes plain data as one of `messages`. */
export function messageEncoder(messages: Messages): (type: string, message: object) => Uint8Array {
  const nested = Object.entries(messages).map(([name, fields]) => [name, { fields: describe(fields) }]);
  const root = protobuf.Root.fromJSON({
    nested: Object.fromEntries(nested) as Record<string, protobuf.IType>,
  });
  return (type, message) => root.lookupType(type).encode(message).finish();
}

function describe(fields: Messages[string]): protobuf.IType["fields"] {
  const described = Object.entries(fields).map(([name, [rule, type, id]]) => {
    if (rule === "map") return [name, { keyType: "string", type, id }];
    return [name, { type, id, rule: rule === "many" ? "repeated" : undefined }];
  });
  return Object.fromEntries(described) as protobuf.IType["fields"];
}
