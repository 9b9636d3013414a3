import { checkRecord } from "../check-argument.js";
import type { Sample } from "../data/dataset.js";
import type { DataLoader } from "../loader/data-loader.js";
import { ChannelHealthTally } from "../loss/channel-health.js";
import { checkModel, holdModel, type Model } from "../models/model.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import type { ObjectiveOptions } from "../native/binding.js";
import { abortShape, callback, instanceOf, optionsOf, parseOptions, type Shape } from "../schema.js";
import { autocastOf, precisionSchema, type Precision } from "../tensor/precision.js";
import { addBatch } from "./evaluate-channels.js";
import { checkSameClasses } from "../models/same-classes.js";
import { checkSameDevice } from "./same-device.js";
import { lossSchema, type LossOptions } from "./losses.js";
import { buildObjective } from "./objective.js";
import { ClassificationTally, predictedClasses, type ClassificationScores } from "./classification-scores.js";
import { MetricsSum, type Metrics } from "./metrics.js";

export interface Evaluation extends Metrics, ClassificationScores {
  /**
   * Accuracy of the channel groups alone: argmax of the groups' scores, without the classifier. Absent where the model
   * has no groups.
   */
  groupAccuracy?: number;
  /** Images evaluated. */
  images: number;
  /** Images that could not be read, where the loader skips them. */
  skipped: number;
}

/** An evaluation without what grows with the classes, for a line of JSON. */
export type EvaluationSummary = Omit<Evaluation, "confusion" | "perClass">;

export function summarize({ confusion, perClass, ...summary }: Evaluation): EvaluationSummary {
  return summary;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions extends AbortOptions {
  /**
   * What `loss` is made of; the terms are reported in any case. A center loss is left out: its centers belong to a run
   * ({@link Trainer.evaluate} has them). Default "ce".
   */
  loss?: LossOptions;
  /** What forward passes compute in. Default "float32"; {@link Trainer.evaluate} uses its trainer's. */
  precision?: Precision | undefined;
  /** Adds up the health of the channels on the way; it takes a second forward pass. */
  channels?: ChannelHealthTally;
  /** Called after each batch. */
  onBatch?: (done: number, total: number) => void;
  /**
   * Called with each batch's samples and, for each, the number of the class with the largest logit, or -1 where a logit is
   * not finite.
   */
  onSamples?: (samples: readonly Sample[], predicted: readonly number[]) => void;
}

const shape = {
  ...abortShape,
  loss: lossSchema.optional(),
  precision: precisionSchema.optional(),
  channels: instanceOf(ChannelHealthTally, "a ChannelHealthTally").optional(),
  onBatch: callback.optional(),
  onSamples: callback.optional(),
} satisfies Shape<EvaluateOptions>;
const schema = optionsOf<EvaluateOptions>(shape);

/** Of Trainer.evaluate(). */
export const trainerEvaluateOptions = optionsOf<Omit<EvaluateOptions, "loss">>(
  Object.fromEntries(Object.entries(shape).filter(([key]) => key !== "loss")) as Omit<typeof shape, "loss">,
);

/**
 * Losses and accuracy of `model` in evaluation mode over everything that `loader` yields.
 * @throws McLossError ERR_ARGUMENT, and what the loader throws
 */
export async function evaluate(
  model: Model,
  loader: DataLoader,
  given: EvaluateOptions = {},
): Promise<Evaluation> {
  checkModel(model);
  checkRecord("loader", loader, "a DataLoader");
  const options = parseOptions(schema, given);
  return evaluateObjective(model, loader, buildObjective(model, options.loss ?? "ce", 0), options);
}

/** As {@link evaluate}, with an objective that is built already. */
export async function evaluateObjective(
  model: Model,
  loader: DataLoader,
  objective: ObjectiveOptions,
  options: Omit<EvaluateOptions, "loss"> = {},
): Promise<Evaluation> {
  using held = holdModel(model);
  checkSameDevice(held, loader);
  checkSameClasses(held, loader);
  const channels = objective.blockClasses.length > 0;
  const autocast = autocastOf(options.precision);
  const sum = new MetricsSum(channels);
  const tally = new ClassificationTally(model.spec.classes);
  let done = 0;
  for await (const batch of loader.batches({ signal: options.signal })) {
    using current = batch;
    const { images, labels, samples } = current;
    const result = await abortable(options.signal, "the evaluation", (binding) =>
      binding.evaluateBatch(held.handle, images.handle, labels.handle, objective, autocast),
    );
    sum.add(result, samples.length);
    tally.add(
      samples.map(({ label }) => label),
      result.samples,
    );
    if (options.channels) await addBatch(options.channels, held, current, options);
    options.onSamples?.(samples, predictedClasses(result.samples));
    done += 1;
    options.onBatch?.(done, loader.length);
  }
  const ofGroups = channels ? { groupAccuracy: sum.size > 0 ? sum.groupsCorrect / sum.size : 0 } : {};
  const skipped = loader.skipped.length;
  return { ...sum.mean(), ...tally.scores(), ...ofGroups, images: sum.size, skipped };
}
