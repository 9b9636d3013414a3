import { checkRecord } from "../check-argument.js";
import { inspect } from "node:util";
import { invalidArgument } from "../errors.js";
import { formatTable } from "../table.js";
import { inferShapes, type LayerDescription } from "./infer-shapes.js";
import { compatible, formatShape, shapeError } from "./layers/shapes.js";
import type { ModelSpec } from "./spec.js";

/** What a network is made of. Printed, or as a string, it is a table. */
export class ModelDescription {
  /** Parents before the layers inside them. */
  readonly layers: readonly LayerDescription[];
  /** [C, H, W] of one image. */
  readonly input: readonly number[];
  /** [C, H, W] of the features; [] where TorchScript gives them. */
  readonly features: number[];
  /** Numbers in all trainable tensors. */
  readonly parameters: number;
  /** Multiply-accumulate operations for one image, without those of TorchScript; NaN where they depend on it. */
  readonly macs: number;

  /** @internal */
  constructor(input: readonly number[], layers: readonly LayerDescription[], features: number[]) {
    this.input = input;
    this.layers = layers;
    this.features = features;
    this.parameters = layers.reduce((sum, layer) => sum + parametersOf(layer), 0);
    this.macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  }

  /** The table. */
  toString(): string {
    return formatTable([
      ["layer", "type", "output", "parameters", "MACs"],
      ["(input)", "", formatShape(this.input), "", ""],
      ...this.layers.map(rowOf),
      ["(total)", "", "", formatCount(this.parameters), formatCount(this.macs)],
    ]);
  }

  /** What console.log() prints: the table. */
  [inspect.custom](): string {
    return this.toString();
  }
}

function rowOf(layer: LayerDescription): string[] {
  const { name, type, outputShape, macs } = layer;
  const parameters = parametersOf(layer);
  return [
    name.replace(/[^.]*\./g, "  "),
    type,
    formatShape(outputShape),
    type === "torchscript" && layer.tensors.length === 0 ? "?" : formatCount(parameters),
    type === "torchscript" ? "?" : formatCount(macs),
  ];
}

/** "11,689,512", or nothing for 0. */
function formatCount(count: number): string {
  if (Number.isNaN(count)) return "?";
  return count === 0 ? "" : count.toLocaleString("en-US");
}

function parametersOf({ tensors }: LayerDescription): number {
  return tensors.reduce((sum, { shape, trainable }) => sum + (trainable ? elements(shape) : 0), 0);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Shapes, parameters and MACs of every layer of a spec.
 * @param input [C, H, W] of one image. Default: the spec's own input
 * @throws McLossError ERR_SHAPE or ERR_ARGUMENT that names the layer where the shapes do not fit
 */
export function describeSpec(spec: ModelSpec, input?: readonly number[]): ModelDescription {
  checkRecord("network.input", spec.input, "{ channels, height, width }");
  if (!Array.isArray(spec.layers)) throw invalidArgument("network.layers", "must be a list of layers");
  const { channels, height, width } = spec.input;
  const image = input ?? [channels, height, width];
  checkInput(image);
  const { layers, output } = inferShapes(spec.layers, image);
  const features = featuresOf(spec, layers);
  checkGroups(spec, features);
  if (!compatible(output, [spec.classes])) {
    throw shapeError("layers", `must end in logits of ${spec.classes} classes`, output);
  }
  return new ModelDescription(image, layers, features);
}

function checkInput(input: readonly number[]): void {
  if (input.length === 3 && input.every((size) => Number.isSafeInteger(size) && size > 0)) return;
  throw shapeError("input", "must be [C, H, W]", input);
}

function featuresOf(spec: ModelSpec, layers: readonly LayerDescription[]): number[] {
  const layer = layers.find(({ name }) => name === spec.features);
  if (layer) return layer.outputShape;
  // A submodule or method, of which the file knows.
  const inside = layers.some(({ type, name }) => type === "torchscript" && isInside(spec.features, name));
  if (inside) return [];
  throw invalidArgument("features", `names no layer: "${spec.features}"`);
}

/** Whether a tensor or layer is a part of the TorchScript module. */
export function isInside(name: string, module: string): boolean {
  return module === "" || name.startsWith(`${module}.`);
}

function checkGroups(spec: ModelSpec, features: readonly number[]): void {
  if (!compatible(features, [NaN, NaN, NaN])) {
    throw shapeError("features", "must be the output of a layer with height and width", features);
  }
  if (spec.groups.length === 0) return;
  const owned = spec.groups.reduce((sum, { classes, channels }) => sum + classes * channels, 0);
  const classes = spec.groups.reduce((sum, block) => sum + block.classes, 0);
  if (!compatible(features, [owned, NaN, NaN])) {
    throw shapeError("groups", `own ${owned} channels, but the features are`, features);
  }
  if (classes !== spec.classes) {
    throw invalidArgument("groups", `are of ${classes} classes, not ${spec.classes}`);
  }
}
