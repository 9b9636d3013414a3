import { z } from "zod";
import { DATASET_KINDS } from "../data/sets/layout.js";
import { transformList } from "../data/transforms.js";
import { parse } from "../schema.js";
import { lossSchema } from "./loss.js";
import { networkSchema } from "./network.js";
import type { Recipe } from "./recipe.js";

const count = z.int().positive();
const rate = z.number().min(0);
const momentum = rate.optional();
const share = z.number().min(0).max(1).optional();

const everyOptimizer = {
  learningRate: rate,
  weightDecay: rate.optional(),
  decayBiasAndNorm: z.boolean().optional(),
  groups: z
    .array(
      z.strictObject({
        pattern: z.string(),
        learningRate: rate.optional(),
        weightDecay: rate.optional(),
      }),
    )
    .optional(),
};

const optimizer = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("sgd"), ...everyOptimizer, momentum, nesterov: z.boolean().optional() }),
  z.strictObject({
    type: z.enum(["adam", "adamw"]),
    ...everyOptimizer,
    betas: z.tuple([z.number(), z.number()]).optional(),
    eps: rate.optional(),
    amsgrad: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("rmsprop"),
    ...everyOptimizer,
    momentum,
    alpha: rate.optional(),
    eps: rate.optional(),
    centered: z.boolean().optional(),
  }),
]);

const warmupEpochs = rate.optional();
const minFactor = rate.optional();
const gamma = rate.optional();

const schedule = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("constant"), warmupEpochs }),
  z.strictObject({ type: z.literal("cosine"), minFactor, warmupEpochs }),
  z.strictObject({
    type: z.literal("cosineRestarts"),
    period: rate,
    multiplier: z.number().min(1).optional(),
    minFactor,
    warmupEpochs,
  }),
  z.strictObject({ type: z.literal("step"), size: rate, gamma, warmupEpochs }),
  z.strictObject({ type: z.literal("multiStep"), milestones: z.array(rate), gamma, warmupEpochs }),
  z.strictObject({ type: z.literal("exponential"), gamma: rate, warmupEpochs }),
  z.strictObject({
    type: z.literal("oneCycle"),
    upShare: share,
    startFactor: rate.optional(),
    endFactor: rate.optional(),
    anneal: z.enum(["cosine", "linear"]).optional(),
  }),
  z.strictObject({
    type: z.literal("plateau"),
    mode: z.enum(["max", "min"]).optional(),
    factor: rate.optional(),
    patience: z.int().min(0).optional(),
    threshold: rate.optional(),
    cooldown: z.int().min(0).optional(),
    minFactor,
    warmupEpochs,
  }),
]);

const recipe = z.strictObject({
  name: z.string().min(1),
  description: z.string().optional(),
  dataset: z.strictObject({
    kind: z.enum(DATASET_KINDS).optional(),
    level: z.enum(["variant", "family", "manufacturer"]).optional(),
  }),
  network: networkSchema,
  weights: z.string().min(1).optional(),
  groups: z.union([z.literal("split"), z.array(z.strictObject({ classes: count, channels: count })).min(1)]),
  loss: lossSchema,
  transforms: z.strictObject({
    train: z.union([z.enum(["none", "flip", "strong"]), transformList]),
    test: z.union([z.literal("resize"), transformList]),
  }),
  epochs: count,
  batchSize: count,
  dropLast: z.boolean(),
  onBadImage: z.enum(["error", "skip"]),
  optimizer,
  schedule: schedule.optional(),
  precision: z.enum(["float32", "bfloat16", "float16"]),
  tf32: z.boolean().optional(),
  clipNorm: z.number().positive().optional(),
  clipValue: z.number().positive().optional(),
  accumulate: count,
  ema: share,
  unfreeze: z
    .array(z.strictObject({ epoch: z.int().min(0), pattern: z.string() }))
    .min(1)
    .optional(),
  onNan: z.enum(["stop", "skip"]),
  channelHealth: z.boolean().optional(),
  cudaGraph: z.boolean().optional(),
  seed: z.int().min(0),
  published: z
    .array(
      z.strictObject({
        loss: z.enum(["mc", "ce"]),
        accuracy: z.number().min(0).max(1),
        source: z.enum(["paper", "reimplementation"]),
        verified: z.boolean(),
        note: z.string().optional(),
      }),
    )
    .optional(),
  sources: z.record(z.string(), z.enum(["paper", "code", "reimplementation", "assumed", "user"])).optional(),
});

/**
 * Checks untrusted data and gives it back as a recipe, with the defaults of its transforms.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad key, such as `optimizer.learningRate`, and what was
 * probably meant
 */
export function checkRecipe(value: unknown): Recipe {
  return parse(recipe, value) as Recipe;
}
