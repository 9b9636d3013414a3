import { rate } from "../../schema.js";
import { defineClassification } from "./definition.js";

export const maximumEntropy = defineClassification({
  name: "maximumEntropy",
  takesMixtures: true,
  summary:
    "Cross-entropy − γ·H, H the entropy of the predicted probabilities, against sureness (Dubey et al., NeurIPS 2018)",
  options: {
    /** γ; 0 is cross-entropy. */
    gamma: rate.default(1),
  },
  native: ({ gamma }) => ({ entropyWeight: gamma }),
  describe: ({ gamma }) => [`maximum entropy γ ${gamma}`],
});
