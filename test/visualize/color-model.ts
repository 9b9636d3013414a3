import { Model, tensor, type TransformSpec } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { type LayerSpec, type ModelInfo } from "mutual-channel-loss/models";

export const SIZE = 32;
export const EXACTLY = normalize({ mean: [0, 0, 0], std: [1, 1, 1] });
const CHANNELS = 4;

interface ColorModelOptions {
  transforms?: readonly TransformSpec[];
  /** One linear layer after the mean, or two, which together do the same. */
  head?: "linear" | "mlp";
}

/**
 * A model that needs no training. Class "red" owns a channel that is 1 on red and one that is 1 on yellow; class "blue"
 * one for blue and one for cyan. On black and white all are 0.
 */
export function colorModel({ transforms, head = "linear" }: ColorModelOptions = {}): Model {
  const linear = (name: string, outFeatures: number): LayerSpec => {
    return { type: "linear", name, inFeatures: CHANNELS, outFeatures };
  };
  const info: ModelInfo = {
    classNames: ["red", "blue"],
    ...(transforms ? { transforms } : { normalization: { mean: EXACTLY.mean, std: EXACTLY.std } }),
  };
  const spec = {
    format: 1,
    name: "colors",
    input: { channels: 3, height: SIZE, width: SIZE },
    classes: 2,
    groups: [{ classes: 2, channels: 2 }],
    layers: [
      { type: "conv2d", name: "conv", inChannels: 3, outChannels: CHANNELS, kernelSize: 1 },
      { type: "relu", name: "features" },
      { type: "adaptiveAvgPool2d", name: "pool", outputSize: 1 },
      { type: "flatten", name: "flatten" },
      ...(head === "mlp" ? [linear("hidden", CHANNELS)] : []),
      linear("fc", 2),
    ],
    features: "features",
  } as const;
  const model = new Model(spec, { info });
  const colors = [
    [1, -1, -1],
    [1, 1, -1],
    [-1, -1, 1],
    [-1, 1, 1],
  ];
  model.loadStateDict({
    "conv.weight": tensor(colors.flat(), { shape: [CHANNELS, 3, 1, 1] }),
    "conv.bias": tensor([0, -1, 0, -1]),
    "fc.weight": tensor([
      [20, 10, -20, -20],
      [-20, -20, 20, 20],
    ]),
    "fc.bias": tensor([0, 0]),
    ...(head === "mlp" ? hiddenIdentity() : {}),
  });
  return model.eval();
}

function hiddenIdentity() {
  const rows = Array.from({ length: CHANNELS }, (_, row) =>
    Array.from({ length: CHANNELS }, (_, column) => Number(row === column)),
  );
  return { "hidden.weight": tensor(rows), "hidden.bias": tensor(new Float32Array(CHANNELS)) };
}
