import type { ModelSpec } from "mutual-channel-loss";
import type { LayerSpec } from "mutual-channel-loss/models";

const BYTES = 4 * (2 * 2048 * 512 + 9 * 512 * 512);

/** As many of ResNet-50's widest bottlenecks as have about `bytes` of weights, as a network that is only loaded. */
export function bottlenecks(bytes: number): ModelSpec {
  const count = Math.max(1, Math.round(bytes / BYTES));
  return {
    format: 1,
    name: "bottlenecks",
    input: { channels: 2048, height: 7, width: 7 },
    classes: 2,
    groups: [],
    layers: [
      ...Array.from({ length: count }, (_, i) => bottleneck(`${i}`)),
      { type: "adaptiveAvgPool2d", outputSize: 1 },
      { type: "flatten" },
      { type: "linear", name: "fc", inFeatures: 2048, outFeatures: 2 },
    ],
    features: `${count - 1}`,
  };
}

function bottleneck(name: string): LayerSpec {
  return {
    type: "sequential",
    name,
    layers: [
      { type: "conv2d", name: "conv1", inChannels: 2048, outChannels: 512, kernelSize: 1, bias: false },
      { type: "batchNorm2d", name: "bn1", features: 512 },
      {
        type: "conv2d",
        name: "conv2",
        inChannels: 512,
        outChannels: 512,
        kernelSize: 3,
        padding: 1,
        bias: false,
      },
      { type: "batchNorm2d", name: "bn2", features: 512 },
      { type: "conv2d", name: "conv3", inChannels: 512, outChannels: 2048, kernelSize: 1, bias: false },
      { type: "batchNorm2d", name: "bn3", features: 2048 },
    ],
  };
}
