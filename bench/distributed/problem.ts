import { resnet18, type ModelSpec } from "mutual-channel-loss";

/** What each process trains. */
export interface RankProblem {
  /** Of the square images. */
  side: number;
  /** Images of this process's part of a batch. */
  batch: number;
  /** Whether the processes average their gradients, rather than train for themselves. */
  reduce: boolean;
  /** bfloat16 between processes. */
  compress: boolean;
  /** Of ours, if they are to be others than it chooses. */
  bucketBytes?: number;
}

/** As bench/train.py's: ResNet18 with MC-Loss on 600 feature channels. */
export function specOf(side: number): ModelSpec {
  return resnet18.spec({ classes: 200, channelsPerClass: 3, inputSize: side });
}
