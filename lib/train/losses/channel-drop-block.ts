import { z } from "zod";
import { invalidArgument } from "../../errors.js";
import type { Model } from "../../models/model.js";
import { decay } from "../../schema.js";
import { defineClassification } from "./definition.js";

export const channelDropBlock = defineClassification({
  name: "channelDropBlock",
  takesMixtures: true,
  summary:
    "Cross-entropy while, of each training image's features, a channel at random and those most correlated with it are zeroed, and the others divided by 1 − share (Ding et al., BMVC 2021; here of the features that the classifier reads, in the authors' code of a stage in the middle)",
  options: {
    /** The share of the channels that are zeroed, of which there is one at least. The authors take 0.05 with "bilinear". */
    share: decay.default(0.1),
    /**
     * What correlates: all places of two channels ("bilinear"), or where each is the strongest after 3×3 average pooling
     * ("maxActivation"). Of channels that are equally near so many are zeroed as the share says; the authors' code zeroes all.
     */
    metric: z.enum(["bilinear", "maxActivation"]).default("bilinear"),
  },
  native({ share: dropped, metric }, { model }) {
    requireRead(model);
    const numbers = { share: dropped, byPeaks: metric === "maxActivation" ? 1 : 0 };
    return { plugIn: { type: "channelDropBlock", numbers } };
  },
  describe: ({ share: dropped, metric }) => [
    `Channel DropBlock ${dropped}`,
    ...(metric === "bilinear" ? [] : ["by strongest places"]),
  ],
});

/** @throws McLossError ERR_ARGUMENT where no classifier reads the features, or they are in a module that cannot be changed */
function requireRead({ spec }: Model): void {
  const around = spec.layers.find(({ type, name }) => {
    return (type === "aside" || type === "torchscript") && spec.features.startsWith(`${name}.`);
  });
  if (!around) return;
  const text = `cannot drop channels of ${spec.name}: its features are inside the layer "${around.name}" (${around.type}), of which the classifier reads no change`;
  throw invalidArgument("loss.type", text);
}
