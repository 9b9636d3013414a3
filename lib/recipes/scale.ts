import type { TransformSpec } from "../image/transforms.js";
import type { Schedule } from "../optim/schedules.js";
import { checkRecord } from "../check-argument.js";
import { count, optionsOf, parseOptions } from "../schema.js";
import { isChannelLoss } from "../train/losses.js";
import { changeRecipe } from "./change.js";
import type { Patch } from "./patch.js";
import type { Recipe } from "./recipe.js";
import { checkRecipe } from "./schema.js";

/** What a recipe is scaled to. */
export interface RecipeScale {
  epochs?: number;
  /** Side of the network's input, in pixels. */
  inputSize?: number;
}

const scaleOptions = optionsOf<RecipeScale>({ epochs: count.optional(), inputSize: count.optional() });

/**
 * The same recipe for fewer or more epochs, its schedule's with them, and for other images: what its transforms resize to, crop and
 * pad goes with the network's input.
 * @throws McLossError ERR_ARGUMENT
 */
export function scaleRecipe(given: Recipe, scale: RecipeScale): Recipe {
  checkRecord("recipe", given, "a recipe");
  const recipe = checkRecipe(given);
  const { epochs = recipe.epochs, inputSize } = parseOptions(scaleOptions, scale);
  const scaled = epochs === recipe.epochs ? {} : scaleEpochs(recipe, epochs);
  const { inputSize: before } = recipe.network as { inputSize?: number };
  if (inputSize === undefined || inputSize === before) return changeRecipe(recipe, scaled);
  const { train, test } = recipe.transforms;
  const resized = <T>(list: T) =>
    Array.isArray(list) && before !== undefined
      ? list.map((one: TransformSpec) => scaleTransform(one, inputSize / before))
      : list;
  return changeRecipe(recipe, {
    ...scaled,
    network: { inputSize },
    transforms: { train: resized(train), test: resized(test) },
  });
}

function scaleEpochs({ schedule, loss, ...recipe }: Recipe, epochs: number): Patch {
  const factor = epochs / recipe.epochs;
  const { betaWarmupEpochs } = isChannelLoss(loss) ? loss : {};
  return {
    epochs,
    ...(schedule && { schedule: scaleSchedule(schedule, factor) }),
    ...(betaWarmupEpochs && { loss: { betaWarmupEpochs: betaWarmupEpochs * factor } }),
  };
}

/** What is other in it. */
function scaleSchedule(schedule: Schedule, factor: number): Patch {
  const length = (epochs: number) => Math.max(1, Math.round(epochs * factor));
  const { warmupEpochs } = schedule as { warmupEpochs?: number };
  const warmup = warmupEpochs ? { warmupEpochs: warmupEpochs * factor } : {};
  if (schedule.type === "multiStep") {
    return { milestones: [...new Set(schedule.milestones.map(length))], ...warmup };
  }
  return schedule.type === "step" ? { size: length(schedule.size), ...warmup } : warmup;
}

function scaleTransform(transform: TransformSpec, factor: number): TransformSpec {
  const length = (pixels: number) => Math.max(1, Math.round(pixels * factor));
  const change: { size?: unknown; padding?: number } = {};
  const { size, padding } = transform as { size?: unknown; padding?: unknown };
  if (typeof size === "number") change.size = length(size);
  if (isSize(size)) change.size = { height: length(size.height), width: length(size.width) };
  if (typeof padding === "number" && padding > 0) change.padding = length(padding);
  return { ...transform, ...change } as TransformSpec;
}

function isSize(size: unknown): size is { height: number; width: number } {
  return typeof size === "object" && size !== null && "height" in size;
}
