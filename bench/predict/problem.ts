import { resnet18, resnet50, type ModelSpec } from "mutual-channel-loss";
import { mobilenet_v2 } from "mutual-channel-loss/models";
import type { Precision } from "../train/problem.js";

/** With 200 classes, as bench/predict.py has them. */
const SPECS = {
  // The paper's ResNet18 from scratch: 600 feature channels, of 14 × 14 at 224.
  resnet18: (inputSize: number) => resnet18.spec({ classes: 200, channelsPerClass: 3, inputSize }),
  resnet50: (inputSize: number) => resnet50.spec({ classes: 200, inputSize }),
  mobilenet_v2: (inputSize: number) => mobilenet_v2.spec({ classes: 200, inputSize }),
};

export const NETWORKS = Object.keys(SPECS) as (keyof typeof SPECS)[];

/** A network and what goes through it at once. */
export interface Problem {
  network: keyof typeof SPECS;
  /** Height and width of the images. */
  size: number;
  batch: number;
  precision: Precision;
  threads: number;
}

export function specFor({ network, size }: Pick<Problem, "network" | "size">): ModelSpec {
  return SPECS[network](size);
}
