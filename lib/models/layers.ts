/** The layers that networks are described with: plain, serialisable data. native/nn builds the modules. */

/** Height and width; one number means both. */
export type Size = number | readonly [height: number, width: number];

/** What every layer has. */
export interface Named {
  /** The layer's part of its parameters' names. Default: its position, as in torch.nn.Sequential. */
  name?: string;
}

/** torch.nn.Conv2d */
export interface Conv2d extends Named {
  type: "conv2d";
  inChannels: number;
  outChannels: number;
  kernelSize: Size;
  /** Default 1. */
  stride?: Size;
  /** Default 0. "same" keeps height and width, and needs stride 1; "valid" is 0. */
  padding?: Size | "same" | "valid";
  /** Default 1. */
  dilation?: Size;
  /** Default 1; inChannels for a depthwise convolution. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
}

/** torch.nn.BatchNorm2d and torch.nn.BatchNorm1d */
export interface BatchNorm extends Named {
  type: "batchNorm2d" | "batchNorm1d";
  features: number;
  /** Default 1e-5. */
  eps?: number;
  /** Of the running statistics. Default 0.1. */
  momentum?: number;
  /** Default true. */
  affine?: boolean;
}

/** torch.nn.Linear */
export interface Linear extends Named {
  type: "linear";
  inFeatures: number;
  outFeatures: number;
  /** Default true. */
  bias?: boolean;
  /**
   * Weights start from normal(0, weightStd) and the bias from 0, as in torchvision's VGG and MobileNet (0.01). Default:
   * torch.nn.Linear's own.
   */
  weightStd?: number;
}

/** Layers without settings. */
export const PLAIN_TYPES = [
  "relu",
  "relu6",
  "silu",
  "gelu",
  "sigmoid",
  "tanh",
  "hardswish",
  "hardsigmoid",
  "identity",
  "flatten",
] as const;

/** torch.nn.ReLU and other activations, torch.nn.Identity, and torch.nn.Flatten from the second dimension on */
export interface Plain extends Named {
  type: (typeof PLAIN_TYPES)[number];
}

/** torch.nn.LeakyReLU */
export interface LeakyRelu extends Named {
  type: "leakyRelu";
  /** Default 0.01. */
  negativeSlope?: number;
}

/** torch.nn.GroupNorm */
export interface GroupNorm extends Named {
  type: "groupNorm";
  groups: number;
  features: number;
  /** Default 1e-5. */
  eps?: number;
  /** Default true. */
  affine?: boolean;
}

/** Normalises the channels of each place (torchvision's LayerNorm2d of ConvNeXt, whose eps is 1e-6) */
export interface LayerNorm2d extends Named {
  type: "layerNorm2d";
  features: number;
  /** Default 1e-5. */
  eps?: number;
  /** Default true. */
  affine?: boolean;
}

/** torch.nn.PReLU */
export interface PRelu extends Named {
  type: "prelu";
  /** 1 (default), or the number of channels. */
  numParameters?: number;
  /** Default 0.25. */
  init?: number;
}

/**
 * Bilinear pooling of an image [C, H, W] with itself to C·C numbers: the mean over places of the outer product, then
 * sign(x)·√|x|, then division by the L2 norm (B-CNN, Lin et al. 2015).
 */
export interface BilinearPool extends Named {
  type: "bilinearPool";
}

/** torch.nn.ELU */
export interface Elu extends Named {
  type: "elu";
  /** Default 1. */
  alpha?: number;
}

/** torch.nn.Dropout, and torch.nn.Dropout2d, which zeroes whole channels */
export interface Dropout extends Named {
  type: "dropout" | "dropout2d";
  /** The share that is zeroed in training. Default 0.5. */
  p?: number;
}

/** torchvision.ops.StochasticDepth: zeroes samples (or the whole batch) in training; the last layer of a residual body. */
export interface StochasticDepth extends Named {
  type: "stochasticDepth";
  /** The share that is zeroed. Default 0. */
  p?: number;
  /** Default "row", each sample by itself. */
  mode?: "row" | "batch";
}

export interface Window extends Named {
  kernelSize: Size;
  /** Default: kernelSize. */
  stride?: Size;
  /** Default 0; at most half of the kernel. */
  padding?: Size;
  /** Rounds the output's size up. Default false. */
  ceilMode?: boolean;
}

/** torch.nn.MaxPool2d */
export interface MaxPool2d extends Window {
  type: "maxPool2d";
  /** Default 1. */
  dilation?: Size;
}

/** torch.nn.AvgPool2d */
export interface AvgPool2d extends Window {
  type: "avgPool2d";
  /** Whether the padding's zeros count in the mean. Default true. */
  countIncludePad?: boolean;
}

/** torch.nn.AdaptiveAvgPool2d and torch.nn.AdaptiveMaxPool2d */
export interface AdaptivePool2d extends Named {
  type: "adaptiveAvgPool2d" | "adaptiveMaxPool2d";
  outputSize: Size;
}

/** torch.nn.Sequential */
export interface Sequential extends Named {
  type: "sequential";
  layers: readonly LayerSpec[];
}

/** activation(layers(x) + shortcut(x)), He et al. 2016 */
export interface Residual extends Named {
  type: "residual";
  layers: readonly LayerSpec[];
  /** Named "downsample" unless it has a name. Default: x itself. */
  shortcut?: LayerSpec;
  /** Default "relu". */
  activation?: "relu" | "none";
}

/** Every branch on the same image, the outputs side by side as channels (torch.cat along the channels) */
export interface Concat extends Named {
  type: "concat";
  /** One layer, or a sequential, for each branch. */
  branches: readonly LayerSpec[];
}

/** x and layers(x) side by side as channels: the dense connection of DenseNet, Huang et al. 2017 */
export interface DenseConnection extends Named {
  type: "denseConnection";
  layers: readonly LayerSpec[];
}

/** x · layers(x), where the layers give a factor for each channel: squeeze-and-excitation, Hu et al. 2018 */
export interface Scale extends Named {
  type: "scale";
  layers: readonly LayerSpec[];
}

/**
 * A module of torch.jit.script or torch.jit.trace. It is trained like any other layer, its tensors are named as in
 * Python's state dict, and taps and `features` can name what lies inside it: "backbone.layer4".
 *
 * TorchScript is code: load only files whose author you trust.
 */
export interface TorchScript extends Omit<Named, "name"> {
  type: "torchscript";
  /** As other layers' names; "" adds nothing to the module's own names. */
  name?: string;
  /** The file that torch.jit.save wrote. */
  path: string;
  /** Of the file, in hexadecimal. A model fills it in, and refuses another file. */
  sha256?: string;
  /**
   * The submodule whose output is the layer's ("layer4": what the module does after it is left aside), or the method that
   * is called. Default "forward".
   */
  output?: string;
}

/** A layer as data: what torch.nn has under its name, or what {@link ModelSpec} is made of. */
export type LayerSpec =
  | Conv2d
  | BatchNorm
  | GroupNorm
  | LayerNorm2d
  | Linear
  | Plain
  | Elu
  | LeakyRelu
  | PRelu
  | Dropout
  | StochasticDepth
  | MaxPool2d
  | AvgPool2d
  | AdaptivePool2d
  | BilinearPool
  | Sequential
  | Residual
  | Concat
  | DenseConnection
  | Scale
  | TorchScript;

export type LayerType = LayerSpec["type"];

/** The layer's name, or its position in its parent. */
export function layerName(layer: LayerSpec, position: number): string {
  return layer.name ?? String(position);
}

/** Joins the parts of a dotted name. An empty part adds nothing. */
export function joinNames(path: string, name: string): string {
  return path === "" || name === "" ? path + name : `${path}.${name}`;
}

/** `layers` with every layer, those inside others too, replaced by what `change` makes of it. */
export function mapLayers(
  layers: readonly LayerSpec[],
  change: (layer: LayerSpec) => LayerSpec,
): LayerSpec[] {
  return layers.map((layer) => {
    const changed = change(layer);
    if ("branches" in changed) return { ...changed, branches: mapLayers(changed.branches, change) };
    if (!("layers" in changed)) return changed;
    const body = { ...changed, layers: mapLayers(changed.layers, change) };
    if (body.type !== "residual" || !body.shortcut) return body;
    const [shortcut = body.shortcut] = mapLayers([body.shortcut], change);
    return { ...body, shortcut };
  });
}

/** A size as [height, width]. */
export function toPair(size: Size): readonly [number, number] {
  return typeof size === "number" ? [size, size] : size;
}
