import type { Given } from "../../definition.js";
import { decay } from "../../schema.js";
import { defineClassification } from "./definition.js";

export const crossEntropy = defineClassification({
  name: "ce",
  summary: "Cross-entropy (torch.nn.CrossEntropyLoss)",
  options: {
    /** The share of each target that all classes have alike. */
    labelSmoothing: decay.default(0),
  },
  native: ({ labelSmoothing }) => ({ labelSmoothing }),
  describe: ({ labelSmoothing }) => [
    "cross-entropy",
    ...(labelSmoothing === 0 ? [] : [`label smoothing ${labelSmoothing}`]),
  ],
});

/** torch.nn.CrossEntropyLoss */
export interface CrossEntropyLoss extends Given<typeof crossEntropy.options> {
  type: "ce";
}
