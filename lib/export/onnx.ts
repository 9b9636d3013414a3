import { writeFile } from "node:fs";
import { z } from "zod";
import { promisify } from "node:util";
import { evaluationTransforms } from "../image/presets.js";
import { invalidArgument, McLossError } from "../errors.js";
import { named, replaceFile } from "../io/replace-file.js";
import { describe } from "../models/describe.js";
import { holdModel, type Model } from "../models/model.js";
import { isBatchCounter } from "../models/names.js";
import { PACKAGE_VERSION } from "../package.js";
import { optionsOf, parseOptions } from "../schema.js";
import { tidy } from "../tensor/scope.js";
import { OnnxGraph, type Weights } from "./onnx-graph.js";
import { OnnxLayers } from "./onnx-layers.js";
import { DATA_TYPE, type ValueInfoProto } from "./onnx-schema.js";
import { shown } from "../shown.js";

/** Options of {@link exportOnnx}. */
export interface ExportOnnxOptions {
  /** The version of ONNX's operators, 17 to 21. Default 17, which the most programs read. */
  opset?: number;
}

const schema = optionsOf<ExportOnnxOptions>({ opset: z.number().optional() });

// The version of the file format that came with each opset.
const IR_VERSIONS: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 };

/** A protobuf message cannot be longer. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * Writes the inference network as ONNX, in float32: the input `images` is [batch, C, H, W] of the spec's size and normalised
 * as the model's transforms say, the output `logits` [batch, K]. The metadata hold `classNames`, `inputSize` and
 * `transforms` as JSON.
 * @throws McLossError ERR_UNSUPPORTED that names a layer of TorchScript, or where the weights exceed ONNX's 2 GiB;
 * ERR_NAN_OUTPUT naming a tensor whose numbers are not all finite in float32; ERR_IO naming the path
 */
export async function exportOnnx(model: Model, path: string, options: ExportOnnxOptions = {}): Promise<void> {
  using held = holdModel(model);
  const { opset = 17 } = parseOptions(schema, options);
  const irVersion = IR_VERSIONS[opset];
  if (irVersion === undefined) throw invalidArgument("opset", `must be 17 to 21, got ${shown(opset)}`);
  const { encodeModel } = await import("./onnx-encode.js");
  const bytes = encodeModel({
    irVersion,
    producerName: "mutual-channel-loss",
    producerVersion: PACKAGE_VERSION,
    opsetImport: [{ domain: "", version: opset }],
    metadataProps: metadataOf(held),
    graph: await graphOf(held),
  });
  await replaceFile(path, Buffer.alloc(0), (descriptor) =>
    named(path, promisify(writeFile)(descriptor, bytes)),
  );
}

const INPUT = "images";
const OUTPUT = "logits";

async function graphOf(model: Model) {
  const { spec } = model;
  const { channels, height, width } = spec.input;
  const shape = [channels, height, width];
  const shapes = new Map(describe(spec).layers.map(({ name, outputShape }) => [name, outputShape]));
  const graph = new OnnxGraph(await readWeights(model), [INPUT, OUTPUT]);
  const logits = new OnnxLayers(graph, shapes).sequence(spec.layers, "", { name: INPUT, shape });
  graph.output(OUTPUT, logits.name);
  return {
    name: spec.name,
    node: graph.nodes,
    initializer: graph.initializers,
    input: [valueInfo(INPUT, shape)],
    output: [valueInfo(OUTPUT, [spec.classes])],
  };
}

async function readWeights(model: Model): Promise<Weights> {
  const entries = model.state().filter(({ name }) => !isBatchCounter(name));
  const bytes = entries.reduce((sum, { tensor }) => sum + 4 * tensor.numel(), 0);
  if (bytes > MAX_BYTES) {
    throw new McLossError(
      "ERR_UNSUPPORTED",
      `the weights are ${bytes} bytes, and ONNX holds ${MAX_BYTES} at most`,
    );
  }
  const weights = new Map<string, { data: Float32Array; shape: readonly number[] }>();
  for (const { name, tensor } of entries) {
    const data = await tidy(() => tensor.detach().to("float32").data());
    requireFinite(name, data as Float32Array);
    weights.set(name, { data: data as Float32Array, shape: tensor.shape });
  }
  return weights;
}

/** Such a network answers nothing. @throws McLossError ERR_NAN_OUTPUT */
function requireFinite(name: string, data: Float32Array): void {
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const text = `the tensor ${name} has ${data[bad]}, so that the network would answer nothing: train again with a lower learning rate`;
  throw new McLossError("ERR_NAN_OUTPUT", text, { argument: "model" });
}

/** With a batch of any size. */
function valueInfo(name: string, shape: readonly number[]): ValueInfoProto {
  const dim = [{ dimParam: "batch" }, ...shape.map((dimValue) => ({ dimValue }))];
  return { name, type: { tensorType: { elemType: DATA_TYPE.float, shape: { dim } } } };
}

function metadataOf(model: Model): { key: string; value: string }[] {
  const { spec, info } = model;
  const { channels, height, width } = spec.input;
  const metadata = {
    classNames: info.classNames,
    inputSize: [channels, height, width],
    transforms: info.transforms || info.normalization ? evaluationTransforms(model) : undefined,
  };
  return Object.entries(metadata).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: JSON.stringify(value) }],
  );
}
