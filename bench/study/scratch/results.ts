import type { Precision } from "#lib/tensor/precision.js";
import { ResultFile } from "../result-file.js";
import type { ArmName } from "./arms.js";
import type { Stage } from "./plan.js";

/** A training from scratch with one of the paper's recipes, scaled down. */
export interface ScratchRun {
  /** What the photographs are called. */
  set: string;
  recipe: string;
  stage: Stage;
  arm: ArmName;
  epochs: number;
  /** Side of the network's input, in pixels. */
  imageSize: number;
  precision: Precision;
  learningRate: number;
  seed: number;
}

/** Figures of the epochs named; null where one is not a finite number. */
export interface Curve {
  crossEntropy: (number | null)[];
  /** L_dis, in nats. */
  discriminality?: (number | null)[];
  /** L_div */
  diversity?: (number | null)[];
  accuracy: (number | null)[];
}

/** A finished one: a line of `bench/results/scratch.jsonl`. Of the held-out images; shares are from 0 to 1. */
export interface ScratchResult extends ScratchRun {
  classes: number;
  images: { train: number; held: number };
  /** Of the last map. */
  channels: number;
  places: number;
  /** Multiply-accumulates of one image. */
  macs: number;
  /** After the last epoch. */
  accuracy: number;
  /** Of the epochs that were evaluated. */
  bestAccuracy: number;
  bestEpoch: number;
  groupAccuracy: number;
  trainAccuracy: number;
  /** As in ChannelHealth. */
  channelDiversity: number;
  alignment: number;
  habit: number;
  ownHabit: number;
  /** Where test images have boxes: the pointing game of the class's channels, and of the class activation map. */
  pointing?: number;
  camPointing?: number;
  /** On the training images, epoch by epoch, and on the held-out ones after the epochs named. */
  curves: {
    train: Curve;
    held: Curve & { epochs: number[]; groupAccuracy: (number | null)[] };
  };
  seconds: number;
  versions: Readonly<Record<string, string>>;
}

export function keyOf(run: ScratchRun): string {
  const { set, recipe, stage, arm, epochs, imageSize, precision, learningRate, seed } = run;
  return [set, recipe, stage, arm, epochs, imageSize, precision, learningRate, seed].join("/");
}

export const SCRATCH_RESULTS = new ResultFile<ScratchRun, ScratchResult>(
  new URL("../../results/scratch.jsonl", import.meta.url),
  keyOf,
);
