import protobuf from "protobufjs/light.js";
import type { ModelProto } from "./onnx-schema.js";

const fields = (described: Record<string, [rule: "one" | "many", type: string, id: number]>) => ({
  fields: Object.fromEntries(
    Object.entries(described).map(([name, [rule, type, id]]) => [
      name,
      { type, id, rule: rule === "many" ? "repeated" : undefined },
    ]),
  ),
});

/**
 * What of ONNX's messages is written here, with onnx.proto's field numbers
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: fields({
      irVersion: ["one", "int64", 1],
      producerName: ["one", "string", 2],
      producerVersion: ["one", "string", 3],
      graph: ["one", "GraphProto", 7],
      opsetImport: ["many", "OperatorSetIdProto", 8],
      metadataProps: ["many", "StringStringEntryProto", 14],
    }),
    OperatorSetIdProto: fields({ domain: ["one", "string", 1], version: ["one", "int64", 2] }),
    StringStringEntryProto: fields({ key: ["one", "string", 1], value: ["one", "string", 2] }),
    GraphProto: fields({
      node: ["many", "NodeProto", 1],
      name: ["one", "string", 2],
      initializer: ["many", "TensorProto", 5],
      input: ["many", "ValueInfoProto", 11],
      output: ["many", "ValueInfoProto", 12],
    }),
    NodeProto: fields({
      input: ["many", "string", 1],
      output: ["many", "string", 2],
      name: ["one", "string", 3],
      opType: ["one", "string", 4],
      attribute: ["many", "AttributeProto", 5],
    }),
    AttributeProto: fields({
      name: ["one", "string", 1],
      f: ["one", "float", 2],
      i: ["one", "int64", 3],
      ints: ["many", "int64", 8],
      type: ["one", "int32", 20],
    }),
    TensorProto: fields({
      dims: ["many", "int64", 1],
      dataType: ["one", "int32", 2],
      name: ["one", "string", 8],
      rawData: ["one", "bytes", 9],
    }),
    ValueInfoProto: fields({ name: ["one", "string", 1], type: ["one", "TypeProto", 2] }),
    TypeProto: fields({ tensorType: ["one", "TensorTypeProto", 1] }),
    TensorTypeProto: fields({ elemType: ["one", "int32", 1], shape: ["one", "TensorShapeProto", 2] }),
    TensorShapeProto: fields({ dim: ["many", "DimensionProto", 1] }),
    DimensionProto: fields({ dimValue: ["one", "int64", 1], dimParam: ["one", "string", 2] }),
  },
});

/** An ONNX file's bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return root.lookupType("ModelProto").encode(model).finish();
}
