import { z } from "zod";
import { invalidArgument } from "../../errors.js";
import { cosineScale, withCosineClassifier } from "../../models/cosine-classifier.js";
import { defineClassification } from "./definition.js";

const DEFAULT_SCALE = 64;

export const arcFace = defineClassification({
  name: "arcFace",
  summary:
    "Cross-entropy of s·cos θ with the margin m added to the true class's angle (Deng et al., CVPR 2019, equation 3); recipes give the network a cosine classifier for it",
  options: {
    /** m, in radians. */
    margin: z.number().min(0).lt(Math.PI).default(0.5),
    /** s, of the classifier that a recipe's network gets; a model of one's own has it in its layer "cosineLinear". */
    scale: z.number().positive().default(DEFAULT_SCALE),
  },
  native({ margin }, { model: { spec } }) {
    const scale = cosineScale(spec);
    if (scale === undefined) {
      const text = `needs a classifier of cosines, and that of ${spec.name} is none: new Model(withCosineClassifier(spec)) makes it`;
      throw invalidArgument("loss.type", text);
    }
    return { plugIn: { type: "arcFace", numbers: { margin, scale } } };
  },
  network: (spec, { scale }) => withCosineClassifier(spec, scale),
  describe: ({ margin, scale }) => [
    `ArcFace m ${margin}`,
    ...(scale === DEFAULT_SCALE ? [] : [`s ${scale}`]),
  ],
});
