import { z } from "zod";
import { Registry, type Spec } from "../definition.js";
import {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  prelu,
  relu,
  relu6,
  sigmoid,
  silu,
  tanh,
} from "./layers/activations.js";
import { attention } from "./layers/attention.js";
import { bilinearPool } from "./layers/bilinear-pool.js";
import { aside, concat, denseConnection, residual, scale, sequential } from "./layers/containers.js";
import { conv2d } from "./layers/convolution.js";
import { cosineLinear } from "./layers/cosine-linear.js";
import type { AnyLayer, LayerDefinition } from "./layers/definition.js";
import { flatten } from "./layers/flatten.js";
import { layerScale } from "./layers/layer-scale.js";
import { linear } from "./layers/linear.js";
import { layersAre } from "./layers/nested.js";
import { batchNorm1d, batchNorm2d, groupNorm, layerNorm2d } from "./layers/normalization.js";
import { adaptiveAvgPool2d, adaptiveMaxPool2d, avgPool2d, maxPool2d } from "./layers/pooling.js";
import { dropout, dropout2d, identity, stochasticDepth } from "./layers/regularization.js";
import { spaceToDepth } from "./layers/space-to-depth.js";
import { classToken, dropClassToken, positionEmbedding, takeClassToken } from "./layers/tokens.js";
import { torchscript } from "./layers/torchscript.js";
import { windowAttention } from "./layers/window-attention.js";

/** Layers that hold no others. */
const PLAIN = [
  conv2d,
  linear,
  cosineLinear,
  ...[batchNorm2d, batchNorm1d, groupNorm, layerNorm2d, layerScale],
  ...[relu, relu6, silu, gelu, sigmoid, tanh, hardswish, hardsigmoid, leakyRelu, elu, prelu],
  ...[maxPool2d, avgPool2d, adaptiveAvgPool2d, adaptiveMaxPool2d, bilinearPool],
  ...[dropout, dropout2d, stochasticDepth, identity, flatten],
  ...[
    attention,
    windowAttention,
    classToken,
    positionEmbedding,
    dropClassToken,
    takeClassToken,
    spaceToDepth,
  ],
  torchscript,
];

const CONTAINERS = [sequential, residual, aside, concat, denseConnection, scale];

const common = {
  /** The layer's part of its parameters' names. Default: its position, as in torch.nn.Sequential. */
  name: z
    .string()
    .regex(/^[^.]+$/, "must be a name without dots")
    .optional(),
};

/** The layers that networks are described with: plain, serialisable data. native/nn builds the modules. */
export const layers = new Registry([...PLAIN, ...CONTAINERS], { common });

layersAre(layers.given);

/** A layer's data, but for the types of the layers inside it. */
type DataOf<One extends LayerDefinition> = Spec<Registry<One, "type", typeof common>>;

/** torch.nn.Sequential */
export interface Sequential extends Omit<DataOf<typeof sequential>, "layers"> {
  layers: readonly LayerSpec[];
}

/** activation(layers(x) + shortcut(x)), He et al. 2016 */
export interface Residual extends Omit<DataOf<typeof residual>, "layers" | "shortcut"> {
  layers: readonly LayerSpec[];
  /** Named "downsample" unless it has a name. Default: x itself. */
  shortcut?: LayerSpec;
}

/** Gives its input as it is; what its layers make of it can be tapped and be the features */
export interface Aside extends Omit<DataOf<typeof aside>, "layers"> {
  layers: readonly LayerSpec[];
}

/** Every branch on the same image, the outputs side by side as channels (torch.cat along the channels) */
export interface Concat extends Omit<DataOf<typeof concat>, "branches"> {
  branches: readonly LayerSpec[];
}

/** x and layers(x) side by side as channels: the dense connection of DenseNet, Huang et al. 2017 */
export interface DenseConnection extends Omit<DataOf<typeof denseConnection>, "layers"> {
  layers: readonly LayerSpec[];
}

/** x · layers(x), where the layers give a factor for each channel: squeeze-and-excitation, Hu et al. 2018 */
export interface Scale extends Omit<DataOf<typeof scale>, "layers"> {
  layers: readonly LayerSpec[];
}

/** A layer as data: what torch.nn has under its name, or what {@link ModelSpec} is made of. docs/layers.md tells of each. */
export type LayerSpec =
  DataOf<(typeof PLAIN)[number]> | Sequential | Residual | Aside | Concat | DenseConnection | Scale;

/** What a layer may be: "conv2d", "relu" and so on. */
export type LayerType = LayerSpec["type"];

/** The layer of a type, such as LayerOf<"conv2d">. */
export type LayerOf<Type extends LayerType> = Extract<LayerSpec, { type: Type }>;

/** The layer's name, or its position in its parent. */
export function layerName(layer: AnyLayer, position: number): string {
  return layer.name ?? String(position);
}

/** Joins the parts of a dotted name. An empty part adds nothing. */
export function joinNames(path: string, name: string): string {
  return path === "" || name === "" ? path + name : `${path}.${name}`;
}

/** What stands before the names of the layers inside one: its own name, unless it says `inline`. */
export function namesInside(layer: AnyLayer, name: string, path: string): string {
  return "inline" in layer && layer.inline === true ? path : name;
}

/** `layers` with every layer, those inside others too, replaced by what `change` makes of it. */
export function mapLayers(specs: readonly LayerSpec[], change: (layer: LayerSpec) => LayerSpec): LayerSpec[] {
  return specs.map((spec) => {
    const changed = change(spec);
    const { inside = [] }: LayerDefinition = layers.get(changed.type);
    const inner = Object.entries(changed).filter(
      ([key, value]) => value !== undefined && inside.includes(key),
    );
    if (inner.length === 0) return changed;
    const mapped = inner.map(([key, value]) => [
      key,
      Array.isArray(value)
        ? mapLayers(value as LayerSpec[], change)
        : mapLayers([value as LayerSpec], change)[0],
    ]);
    return { ...changed, ...Object.fromEntries(mapped) } as LayerSpec;
  });
}
