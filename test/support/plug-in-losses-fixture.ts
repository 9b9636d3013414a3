import { readFileSync } from "node:fs";
import { type DataLoader, type LossOptions, type Model, type ModelSpec } from "mutual-channel-loss";
import { withCosineClassifier } from "mutual-channel-loss/models";
import { fixedLoader } from "./fixed-loader.js";
import { modelWith } from "./fixture-steps.js";

/** What test/fixtures/plug-in-losses/make.py wrote. */
interface PlugInLossesFixture {
  shape: number[];
  images: number[];
  labels: number[];
  counts: number[];
  learningRate: number;
  start: Record<string, number[]>;
  runs: {
    loss: Exclude<LossOptions, "ce">;
    steps: { loss: number; crossEntropy: number }[];
    weights: Record<string, number[]>;
  }[];
}

export const plugInLosses = JSON.parse(
  readFileSync(new URL("../fixtures/plug-in-losses/plug-in-losses.json", import.meta.url), "utf8"),
) as PlugInLossesFixture;

const SPEC: ModelSpec = {
  format: 1,
  name: "convolution",
  input: { channels: 3, height: 4, width: 5 },
  classes: 4,
  groups: [{ classes: 4, channels: 2 }],
  layers: [
    { type: "conv2d", name: "conv", inChannels: 3, outChannels: 8, kernelSize: 1, bias: false },
    { type: "adaptiveAvgPool2d", name: "globalpool", outputSize: 1 },
    { type: "flatten", name: "flatten" },
    { type: "linear", name: "fc", inFeatures: 8, outFeatures: 4 },
  ],
  features: "conv",
};

/** The fixture's network in the loss's form, float64. */
export function plugInModel(loss: LossOptions): Promise<Model> {
  const isCosine = typeof loss === "object" && loss.type === "arcFace";
  const spec = isCosine ? withCosineClassifier(SPEC, loss.scale) : SPEC;
  return modelWith(spec, plugInLosses.start);
}

/** The fixture's one batch, from a loader that counts its classes. */
export function plugInLoader(): DataLoader {
  const { images, shape, labels, counts } = plugInLosses;
  const loader = fixedLoader([{ images: Float64Array.from(images), shape: shape.slice(1), labels }]);
  return Object.assign(loader, { classCounts: () => counts });
}
