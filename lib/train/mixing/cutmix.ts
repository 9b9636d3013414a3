import { z } from "zod";
import type { Size } from "../../image/geometry.js";
import { defineMixing, type Mixing } from "./definition.js";
import { drawBeta } from "./draw-beta.js";

export const cutmix = defineMixing({
  name: "cutmix",
  summary:
    "A rectangle of one image in another, and their labels by area (Yun et al., ICCV 2019; torchvision CutMix)",
  options: {
    /** The area that is left is of Beta(α, α), before the rectangle is cut off at the image's border. */
    alpha: z.number().gt(0).default(1),
  },
  draw: ({ alpha }, random, images) => {
    const area = drawBeta(alpha, random);
    const x = random.integer(0, images.width - 1);
    return cutAround(images, area, { x, y: random.integer(0, images.height - 1) });
  },
});

/** As torchvision's CutMix.make_params(). @param area what is to be left, from 0 to 1 */
export function cutAround({ height, width }: Size, area: number, center: { x: number; y: number }): Mixing {
  const half = 0.5 * Math.sqrt(1 - area);
  const [across, down] = [Math.trunc(half * width), Math.trunc(half * height)];
  const left = Math.max(center.x - across, 0);
  const top = Math.max(center.y - down, 0);
  const box = {
    top,
    left,
    height: Math.min(center.y + down, height) - top,
    width: Math.min(center.x + across, width) - left,
  };
  return { share: 1 - (box.width * box.height) / (width * height), box };
}
