/** The layers that networks are described with: plain, serialisable data. native/nn builds the modules. */

/** Height and width; one number means both. */
export type Size = number | readonly [height: number, width: number];

interface Named {
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
  /** Default 0. */
  padding?: Size;
  /** Default 1. */
  dilation?: Size;
  /** Default 1. */
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

/** torch.nn.Dropout */
export interface Dropout extends Named {
  type: "dropout";
  /** The share that is zeroed in training. Default 0.5. */
  p?: number;
}

/** torch.nn.MaxPool2d and torch.nn.AvgPool2d */
export interface Pool2d extends Named {
  type: "maxPool2d" | "avgPool2d";
  kernelSize: Size;
  /** Default: kernelSize. */
  stride?: Size;
  /** Default 0. */
  padding?: Size;
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

/** x · layers(x), where the layers give a factor for each channel: squeeze-and-excitation, Hu et al. 2018 */
export interface Scale extends Named {
  type: "scale";
  layers: readonly LayerSpec[];
}

export type LayerSpec =
  | Conv2d
  | BatchNorm
  | GroupNorm
  | Linear
  | Plain
  | Elu
  | LeakyRelu
  | Dropout
  | Pool2d
  | AdaptivePool2d
  | BilinearPool
  | Sequential
  | Residual
  | Concat
  | Scale;

export type LayerType = LayerSpec["type"];

/** The layer's name, or its position in its parent. */
export function layerName(layer: LayerSpec, position: number): string {
  return layer.name ?? String(position);
}

/** A size as [height, width]. */
export function toPair(size: Size): readonly [number, number] {
  return typeof size === "number" ? [size, size] : size;
}
