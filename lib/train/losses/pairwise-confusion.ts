import { rate } from "../../schema.js";
import { defineClassification } from "./definition.js";

export const pairwiseConfusion = defineClassification({
  name: "pairwiseConfusion",
  takesMixtures: true,
  summary:
    "Cross-entropy + λ/N · Σ ‖p − q‖², p and q the predicted probabilities for the i-th image of each half of the batch, where their classes differ, and of mixed images times the probability that they do (Dubey et al., ECCV 2018, section 3; the authors' code takes ‖p − q‖ and pairs of one class too)",
  options: {
    /** λ */
    weight: rate.default(10),
  },
  native: ({ weight }) => ({ plugIn: { type: "pairwiseConfusion", numbers: { weight } } }),
  describe: ({ weight }) => [`pairwise confusion λ ${weight}`],
});
