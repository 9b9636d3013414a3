import { z } from "zod";
import { imageLimitShape, type ImageLimitOptions } from "../image/limits.js";
import type { RunInfo } from "./run-info.js";

/** What is read of the recipe that a run was begun with, as far as the run tells of one, and in a form that is known here. */
export interface RecordedRecipe {
  name?: string;
  /** Which classes of a data set that has several sorts of them. */
  level?: "variant" | "family" | "manufacturer";
  /** How large an image the run took. */
  limits: ImageLimitOptions;
  published: { loss: "mc" | "ce"; accuracy: number; source: string }[];
}

const published = z.looseObject({ loss: z.enum(["mc", "ce"]), accuracy: z.number(), source: z.string() });
const level = z.enum(["variant", "family", "manufacturer"]);

/** Each by itself: a newer version's recipe may say one of them in another way. */
const lenient = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);

const schema = z.looseObject({
  name: lenient(z.string()),
  dataset: lenient(z.looseObject({ level: lenient(level) })),
  published: lenient(z.array(published)),
  limitInputPixels: imageLimitShape.limitInputPixels.catch(undefined),
  limitInputSide: imageLimitShape.limitInputSide.catch(undefined),
  limitInputBytes: imageLimitShape.limitInputBytes.catch(undefined),
});

/** The recipe in what a run's caller told of it. */
export function recordedRecipe(about: RunInfo["about"]): RecordedRecipe {
  const { data = {} } = schema.safeParse(about["recipe"]) as { data?: Partial<z.output<typeof schema>> };
  const { name, dataset, published = [], limitInputPixels, limitInputSide, limitInputBytes } = data;
  return {
    name,
    level: dataset?.level,
    limits: { limitInputPixels, limitInputSide, limitInputBytes },
    published,
  };
}
