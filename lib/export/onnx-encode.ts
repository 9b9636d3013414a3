import { messageEncoder } from "../io/protobuf.js";
import type { ModelProto } from "./onnx-schema.js";

/**
 * What of ONNX's messages is written here, with onnx.proto's field numbers
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
const encode = messageEncoder({
  ModelProto: {
    irVersion: ["one", "int64", 1],
    producerName: ["one", "string", 2],
    producerVersion: ["one", "string", 3],
    graph: ["one", "GraphProto", 7],
    opsetImport: ["many", "OperatorSetIdProto", 8],
    metadataProps: ["many", "StringStringEntryProto", 14],
  },
  OperatorSetIdProto: { domain: ["one", "string", 1], version: ["one", "int64", 2] },
  StringStringEntryProto: { key: ["one", "string", 1], value: ["one", "string", 2] },
  GraphProto: {
    node: ["many", "NodeProto", 1],
    name: ["one", "string", 2],
    initializer: ["many", "TensorProto", 5],
    input: ["many", "ValueInfoProto", 11],
    output: ["many", "ValueInfoProto", 12],
  },
  NodeProto: {
    input: ["many", "string", 1],
    output: ["many", "string", 2],
    name: ["one", "string", 3],
    opType: ["one", "string", 4],
    attribute: ["many", "AttributeProto", 5],
  },
  AttributeProto: {
    name: ["one", "string", 1],
    f: ["one", "float", 2],
    i: ["one", "int64", 3],
    ints: ["many", "int64", 8],
    type: ["one", "int32", 20],
  },
  TensorProto: {
    dims: ["many", "int64", 1],
    dataType: ["one", "int32", 2],
    name: ["one", "string", 8],
    rawData: ["one", "bytes", 9],
  },
  ValueInfoProto: { name: ["one", "string", 1], type: ["one", "TypeProto", 2] },
  TypeProto: { tensorType: ["one", "TensorTypeProto", 1] },
  TensorTypeProto: { elemType: ["one", "int32", 1], shape: ["one", "TensorShapeProto", 2] },
  TensorShapeProto: { dim: ["many", "DimensionProto", 1] },
  DimensionProto: { dimValue: ["one", "int64", 1], dimParam: ["one", "string", 2] },
});

/** An ONNX file's bytes. */
export function encodeModel(model: ModelProto): Uint8Array {
  return encode("ModelProto", model);
}
