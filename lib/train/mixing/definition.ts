import type { Definition, Filled, OptionShape } from "../../definition.js";
import type { Region, Size } from "../../image/geometry.js";
import type { Random } from "../../image/random.js";

/** How each image of a batch is mixed with the one before it, the first with the last. */
export interface Mixing {
  /** How much of the result, and of its target, is the image itself: from 0 to 1, which changes nothing. */
  share: number;
  /** What comes from the other image. Absent: the two are averaged by `share`. */
  box?: Region;
}

/** A way to mix the images of a batch. */
export interface MixingDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  /** What is done to one batch of images of this size. */
  draw(options: Filled<Options>, random: Random, images: Size): Mixing;
}

export function defineMixing<const Name extends string, Options extends OptionShape>(
  definition: MixingDefinition<Name, Options>,
): MixingDefinition<Name, Options> {
  return definition;
}
