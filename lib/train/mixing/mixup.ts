import { z } from "zod";
import { defineMixing } from "./definition.js";
import { drawBeta } from "./draw-beta.js";

export const mixup = defineMixing({
  name: "mixup",
  summary: "Averages of two images and of their labels (Zhang et al., ICLR 2018; torchvision MixUp)",
  options: {
    /** Each image's share is of Beta(α, α): near 0 mostly one image, 1 any share alike. */
    alpha: z.number().gt(0).default(1),
  },
  draw: ({ alpha }, random) => ({ share: drawBeta(alpha, random) }),
});
