import { z } from "zod";
import { BAD_IMAGE_POLICIES } from "../loader/bad-images.js";
import { CACHE_KINDS } from "../loader/cache-kind.js";
import { DATASET_KINDS } from "../data/sets/layout.js";
import { imageLimitShape } from "../image/limits.js";
import { AUGMENTATION_LEVELS } from "../image/presets.js";
import { networks } from "../models/networks.js";
import { transformList } from "../image/transforms.js";
import { count, flag, index, parse, share, text } from "../schema.js";
import { schedules } from "../optim/schedules.js";
import { modelOptimizers } from "../train/build-optimizer.js";
import { earlyStopping } from "../train/early-stopping.js";
import { MONITORS } from "../train/monitor.js";
import { lossSchema } from "../train/losses.js";
import { mixingList } from "../train/mixings.js";
import type { Recipe } from "./recipe.js";
import { recipeSampler } from "./recipe-sampler.js";

const recipe = z.strictObject({
  name: text,
  description: z.string().optional(),
  dataset: z.strictObject({
    kind: z.enum(DATASET_KINDS).optional(),
    level: z.enum(["variant", "family", "manufacturer"]).optional(),
    shuffleBuffer: count.optional(),
  }),
  network: networks.given,
  weights: text.optional(),
  weightsKey: text.optional(),
  weightsPrefix: z.string().optional(),
  groups: z.union([z.literal("split"), z.array(z.strictObject({ classes: count, channels: count })).min(1)]),
  loss: lossSchema,
  mix: mixingList.optional(),
  transforms: z.strictObject({
    train: z.union([z.enum(AUGMENTATION_LEVELS), transformList]),
    test: z.union([z.literal("resize"), transformList]),
  }),
  epochs: count,
  batchSize: count,
  sampler: recipeSampler.optional(),
  dropLast: flag,
  onBadImage: z.enum(BAD_IMAGE_POLICIES),
  cache: z.enum(CACHE_KINDS).optional(),
  ...imageLimitShape,
  optimizer: modelOptimizers.given.transform((optimizer) => ({
    ...optimizer,
    type: optimizer.type ?? "sgd",
  })),
  findRate: flag.optional(),
  schedule: schedules.given.optional(),
  precision: z.enum(["float32", "bfloat16", "float16"]),
  tf32: flag.optional(),
  clipNorm: z.number().gt(0).optional(),
  clipValue: z.number().gt(0).optional(),
  accumulate: count,
  ema: share.optional(),
  monitor: z.enum(MONITORS).optional(),
  earlyStopping: earlyStopping.optional(),
  unfreeze: z
    .array(z.strictObject({ epoch: index, pattern: z.string() }))
    .min(1)
    .optional(),
  onNan: z.enum(["stop", "skip"]),
  channelHealth: flag.optional(),
  cudaGraph: flag.optional(),
  syncBatchNorm: flag.optional(),
  gradientCompression: z.literal("bfloat16").optional(),
  seed: index,
  published: z
    .array(
      z.strictObject({
        loss: z.enum(["mc", "ce"]),
        accuracy: share,
        source: z.enum(["paper", "code", "reimplementation"]),
        epoch: z.enum(["best", "last"]).optional(),
        verified: flag,
        note: z.string().optional(),
      }),
    )
    .optional(),
  sources: z.record(z.string(), z.enum(["paper", "code", "reimplementation", "assumed", "user"])).optional(),
});

/** A recipe's keys, whose values {@link checkRecipe} checks. */
export const recipeKeys = Object.fromEntries(
  Object.keys(recipe.shape).map((key) => [key, z.unknown().optional()]),
) as Readonly<Record<keyof Recipe, z.ZodOptional<z.ZodUnknown>>>;

/**
 * Checks untrusted data and gives it back as a recipe, with the defaults of its transforms.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad key, such as `optimizer.learningRate`, and what was
 * probably meant
 */
export function checkRecipe(value: unknown): Recipe {
  return parse(recipe, value);
}
