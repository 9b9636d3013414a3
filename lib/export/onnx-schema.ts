import protobuf from "protobufjs/light.js";

/**
 * What of ONNX's messages is written here, with onnx.proto's field numbers
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
const fields = (described: Record<string, [rule: "one" | "many", type: string, id: number]>) => ({
  fields: Object.fromEntries(
    Object.entries(described).map(([name, [rule, type, id]]) => [
      name,
      { type, id, ...(rule === "many" ? { rule: "repeated" } : {}) },
    ]),
  ),
});

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

/** AttributeProto.AttributeType */
export const ATTRIBUTE = { float: 1, int: 2, ints: 7 } as const;
/** TensorProto.DataType */
export const DATA_TYPE = { float: 1, int64: 7 } as const;

export interface AttributeProto {
  name: string;
  type: number;
  f?: number;
  i?: number;
  ints?: readonly number[];
}

export interface NodeProto {
  name: string;
  opType: string;
  input: readonly string[];
  output: readonly string[];
  attribute: readonly AttributeProto[];
}

export interface TensorProto {
  name: string;
  dims: readonly number[];
  dataType: number;
  rawData: Uint8Array;
}

export interface ValueInfoProto {
  name: string;
  type: {
    tensorType: {
      elemType: number;
      shape: { dim: readonly ({ dimValue: number } | { dimParam: string })[] };
    };
  };
}

export interface ModelProto {
  irVersion: number;
  producerName: string;
  producerVersion: string;
  opsetImport: readonly { domain: string; version: number }[];
  metadataProps: readonly { key: string; value: string }[];
  graph: {
    name: string;
    node: readonly NodeProto[];
    initializer: readonly TensorProto[];
    input: readonly ValueInfoProto[];
    output: readonly ValueInfoProto[];
  };
}

/** An ONNX file's bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return root.lookupType("ModelProto").encode(model).finish();
}
