import { ResultFile } from "../result-file.js";

/** Cross-entropy on the network as it is, or MC-Loss on an adapter beside its classifier. */
export type FineTuned = "ce" | "mc";

/** A fine-tuning. A trial, by which a learning rate is chosen, holds out some of the training images. */
export interface FineTuning {
  stage: "trial" | "test";
  loss: FineTuned;
  learningRate: number;
  epochs: number;
  seed: number;
}

/** A finished one: a line of `bench/results/finetune.jsonl`. Of the held-out images; shares are from 0 to 1. */
export interface FineTuningResult extends FineTuning {
  /** α and β; absent without MC-Loss. */
  weights?: { alpha: number; beta: number };
  images: { train: number; held: number };
  accuracy: number;
  /** Of the channel groups alone. */
  groupAccuracy: number;
  trainAccuracy: number;
  /** Of a test, as in LocalisationScore: of the class's channels, and of the classifier's class activation map. */
  pointing?: number;
  camPointing?: number;
  seconds: number;
  versions: Readonly<Record<string, string>>;
}

export const FINE_TUNINGS = new ResultFile<FineTuning, FineTuningResult>(
  new URL("../../results/finetune.jsonl", import.meta.url),
  ({ stage, loss, learningRate, epochs, seed }) => [stage, loss, learningRate, epochs, seed].join(),
);
