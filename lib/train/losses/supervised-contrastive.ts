import { z } from "zod";
import { rate } from "../../schema.js";
import { defineClassification } from "./definition.js";
import { pooledFeatures } from "./pooled-features.js";

export const supervisedContrastive = defineClassification({
  name: "supervisedContrastive",
  summary:
    "Cross-entropy + λ · L_out^sup of what the features are pooled to, over the batch (Khosla et al., NeurIPS 2020, equation 2)",
  options: {
    /** λ */
    weight: rate.default(1),
    /** τ, which the cosines are divided by. */
    temperature: z.number().positive().default(0.1),
  },
  native: ({ weight, temperature }, { model }) => {
    const { layer } = pooledFeatures(model, "loss.type");
    return { plugIn: { type: "supervisedContrastive", numbers: { weight, temperature }, layer } };
  },
  describe: ({ weight, temperature }) => [
    `supervised contrastive λ ${weight}`,
    ...(temperature === 0.1 ? [] : [`τ ${temperature}`]),
  ],
});
