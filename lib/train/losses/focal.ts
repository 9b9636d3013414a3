import type { Given } from "../../definition.js";
import { rate } from "../../schema.js";
import { defineClassification } from "./definition.js";

export const focal = defineClassification({
  name: "focal",
  takesMixtures: true,
  summary:
    "(1 − p)^γ · −log p, p the softmax probability of the true class (Lin et al., ICCV 2017, equation 4, without α)",
  options: {
    /** γ; 0 is cross-entropy. */
    gamma: rate.default(2),
  },
  native: ({ gamma }) => ({ focalGamma: gamma }),
  describe: ({ gamma }) => [`focal loss γ ${gamma}`],
});

/** (1 − p)^γ · −log p, p the softmax probability of the true class (Lin et al., ICCV 2017, equation 4, without α). */
export interface FocalLoss extends Given<typeof focal.options> {
  type: "focal";
}
