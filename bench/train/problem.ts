import { Model, resnet18, resnet50, smallResNet, type ModelSpec } from "mutual-channel-loss";
import { convnext_tiny, efficientnet_b0, mobilenet_v2 } from "mutual-channel-loss/models";

export type Precision = "float32" | "bfloat16";

export const NETWORKS = [
  "resnet18",
  "resnet50",
  "mobilenet_v2",
  "efficientnet_b0",
  "convnext_tiny",
  "demo",
] as const;

export type NetworkName = (typeof NETWORKS)[number];

/** A network and the batches that it is trained on. */
export interface Problem {
  /** As bench/train.py knows it. */
  network: NetworkName;
  batch: number;
  precision: Precision;
  threads: number;
  /** Default "cpu". */
  device?: "cpu" | "cuda";
  /** Whether products may be in TF32. Default false. */
  tf32?: boolean;
  /** Whether steps are launched as CUDA graphs. Default false. */
  graph?: boolean;
  /** Classes, and channels of each; the first blocks' channels come first. */
  blocks: [classes: number, channels: number][];
}

const SPECS: Record<NetworkName, ModelSpec> = {
  // The paper's ResNet18 from scratch: 600 feature channels of 14 × 14.
  resnet18: resnet18.spec({ classes: 200, channelsPerClass: 3 }),
  resnet50: resnet50.spec({ classes: 200 }),
  mobilenet_v2: mobilenet_v2.spec({ classes: 200 }),
  efficientnet_b0: efficientnet_b0.spec({ classes: 200 }),
  convnext_tiny: convnext_tiny.spec({ classes: 200 }),
  demo: smallResNet.spec({ classes: 85 }),
};

export const BATCH: Record<NetworkName, number> = {
  resnet18: 16,
  resnet50: 4,
  mobilenet_v2: 16,
  efficientnet_b0: 16,
  convnext_tiny: 4,
  demo: 32,
};

/** On a GPU. */
export const CUDA_BATCH = { resnet18: 64, resnet50: 16 };

export function specOf(network: Problem["network"]): ModelSpec {
  return SPECS[network];
}

/**
 * About the least that a step can train: three channels of 1 × 1 and one layer. What a step of it takes, LibTorch's own
 * calls included, bounds what every step takes beside its arithmetic.
 */
export const SMALLEST: ModelSpec = {
  format: 1,
  name: "smallest",
  input: { channels: 3, height: 1, width: 1 },
  classes: 3,
  groups: [{ classes: 3, channels: 1 }],
  layers: [
    { type: "relu", name: "features" },
    { type: "flatten", name: "flatten" },
    { type: "linear", name: "fc", inFeatures: 3, outFeatures: 3 },
  ],
  features: "features",
};

/** The shapes of the parameters, by which both sides' networks are found to be the same. */
export function parameterShapes(model: Model): number[][] {
  return model.parameters().map(({ shape }) => shape);
}
