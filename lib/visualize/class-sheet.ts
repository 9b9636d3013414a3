import { z } from "zod";
import { chooseLimits, imageLimitShape, TRAINING_LIMITS, type ImageLimitOptions } from "../image/limits.js";
import { holdModel, type Model } from "../models/model.js";
import { count, optionsOf, parseOptions } from "../schema.js";
import type { Excitation } from "./exciting-images.js";
import { BACKGROUNDS, type Background } from "./background.js";
import { checkWidth } from "./sheet-size.js";

/** Options of {@link renderClassSheet}. */
export interface ClassSheetOptions extends ImageLimitOptions {
  /** Of the picture, in pixels; at least 480. Default 1000. */
  width?: number;
  /** What the maps are drawn over: "none" shows nothing of the images themselves. Default "image". */
  background?: Background;
}

const schema = optionsOf<ClassSheetOptions>({
  ...imageLimitShape,
  width: count.optional(),
  background: z.enum(BACKGROUNDS).optional(),
});

/**
 * A PNG with a row for each channel of a class: the images that excite it most, each under the channel's heat map, and
 * below each the image's own class, green where it is this one and red where it is another. A row has one scale. Text
 * needs a font on the machine; the rest of the picture does not.
 * @param exciting by channel, as findExcitingImages() gives them
 * @throws McLossError ERR_IMAGE naming the file
 */
export async function renderClassSheet(
  model: Model,
  classIndex: number,
  exciting: readonly (readonly Excitation[])[],
  given: ClassSheetOptions = {},
): Promise<Buffer> {
  using held = holdModel(model);
  const options = parseOptions(schema, given);
  const { width = 1000, background = "image" } = options;
  const limits = chooseLimits(options, TRAINING_LIMITS);
  checkWidth(width);
  const { drawClassSheet } = await import("./class-sheet-drawing.js");
  return await drawClassSheet(held, classIndex, exciting, { width, limits, background });
}
