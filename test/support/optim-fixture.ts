import { readFileSync } from "node:fs";
import type { Schedule } from "mutual-channel-loss/train";

/** What test/fixtures/optim/make.py wrote. */
export interface OptimFixture {
  start: number[];
  /** Of each step. */
  gradients: number[][];
  optimizers: {
    name: "SGD" | "Adam" | "AdamW" | "RMSprop";
    options: Record<string, unknown>;
    path: number[][];
  }[];
  schedules: { schedule: Schedule; factors: number[] }[];
  metrics: number[];
  scaling: { scale: number; parameters: number[] }[];
  clipping: { norm: number; byNorm: number[][]; byValue: number[][] };
}

export const optimFixture = JSON.parse(
  readFileSync(new URL("../fixtures/optim/optim.json", import.meta.url), "utf8"),
) as OptimFixture;
