import { readFileSync } from "node:fs";
import { type LossOptions, type Model, type ModelSpec } from "mutual-channel-loss";
import { type Metrics } from "mutual-channel-loss/train";
import { fixedLoader } from "./fixed-loader.js";
import { modelWith } from "./fixture-steps.js";

/** What test/fixtures/losses/make.py wrote. */
interface LossesFixture {
  shape: number[];
  images: number[];
  labels: number[];
  learningRate: number;
  start: Record<string, number[]>;
  runs: { loss: LossOptions; steps: Omit<Metrics, "accuracy">[]; weights: Record<string, number[]> }[];
}

export const lossesFixture = JSON.parse(
  readFileSync(new URL("../fixtures/losses/losses.json", import.meta.url), "utf8"),
) as LossesFixture;

const SPEC: ModelSpec = {
  format: 1,
  name: "convolution",
  input: { channels: 3, height: 3, width: 2 },
  classes: 3,
  groups: [{ classes: 3, channels: 2 }],
  layers: [
    { type: "conv2d", name: "conv", inChannels: 3, outChannels: 6, kernelSize: 1, bias: false },
    { type: "adaptiveAvgPool2d", name: "globalpool", outputSize: 1 },
    { type: "flatten", name: "flatten" },
    { type: "linear", name: "fc", inFeatures: 6, outFeatures: 3 },
  ],
  features: "conv",
};

/** The fixture's network, float64. */
export function fixtureModel(): Promise<Model> {
  return modelWith(SPEC, lossesFixture.start);
}

/** The fixture's one batch. */
export function fixtureLoader() {
  const { images, shape, labels } = lossesFixture;
  return fixedLoader([{ images: Float64Array.from(images), shape: shape.slice(1), labels }]);
}
