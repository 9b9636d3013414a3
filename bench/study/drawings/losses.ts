import type { LossOptions } from "mutual-channel-loss";
import { DEMO_LOSSES } from "../../../examples/demo/demo-images.js";

const { mc } = DEMO_LOSSES;

/** What is compared, and the paper's ablations of it. */
export const LOSSES = {
  ...DEMO_LOSSES,
  "mc-no-cwa": { ...mc, keep: "all" },
  "mc-ccap": { ...mc, pooling: "mean" },
  "mc-no-diversity": { ...mc, beta: 0 },
  "mc-no-discriminality": { ...mc, alpha: 0 },
} as const satisfies Record<string, LossOptions>;

export type LossName = keyof typeof LOSSES;

export const LOSS_LABELS: Readonly<Record<LossName, string>> = {
  ce: "CE",
  mc: "CE + MC-Loss",
  "mc-no-cwa": "without channel-wise attention",
  "mc-ccap": "mean for max over a group's channels (CCAP)",
  "mc-no-diversity": "without the diversity component",
  "mc-no-discriminality": "without the discriminality component",
};

export const ABLATIONS = ["mc-no-cwa", "mc-ccap", "mc-no-diversity", "mc-no-discriminality"] as const;
