import { checkRecord } from "../check-argument.js";
import type { Sample } from "../data/dataset.js";
import type { DataLoader } from "../loader/data-loader.js";
import { ChannelHealthTally } from "../loss/channel-health.js";
import { checkModel, holdModel, type Model } from "../models/model.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import type { ObjectiveOptions } from "../native/binding.js";
import { abortShape, callback, instanceOf, optionsOf, parseOptions, type Shape } from "../schema.js";
import { autocastOf, precisionSchema, type Precision } from "../tensor/precision.js";
import { isWorthPlan } from "./by-plan.js";
import { addBatch } from "./evaluate-channels.js";
import { checkSameClasses } from "../models/same-classes.js";
import { checkSameDevice } from "./same-device.js";
import { isSharded } from "./share.js";
import { shareEvaluation } from "./share-evaluation.js";
import { StopAgreement } from "./stop-agreement.js";
import { ProcessGroup } from "../distributed/process-group.js";
import { abortError } from "../abort.js";
import { sumNumbers } from "../distributed/exchange.js";
import type { Batch } from "../loader/batch.js";
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
  /**
   * The processes that evaluate together: a loader with `samplers.shard(group.rank, group.worldSize)` yields a part in each, and
   * all get the whole's figures. {@link Trainer.evaluate} uses its trainer's. Default: this process alone.
   */
  group?: ProcessGroup;
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
  group: instanceOf<ProcessGroup>(ProcessGroup, "what initProcessGroup() gives").optional(),
  channels: instanceOf(ChannelHealthTally, "a ChannelHealthTally").optional(),
  onBatch: callback.optional(),
  onSamples: callback.optional(),
} satisfies Shape<EvaluateOptions>;
const schema = optionsOf<EvaluateOptions>(shape);

/** Options of Trainer.evaluate(), whose objective and processes are the trainer's. */
export type TrainerEvaluateOptions = Omit<EvaluateOptions, "loss" | "group">;

/** {@link TrainerEvaluateOptions} */
export const trainerEvaluateOptions = optionsOf<TrainerEvaluateOptions>(
  Object.fromEntries(Object.entries(shape).filter(([key]) => key !== "loss" && key !== "group")) as Omit<
    typeof shape,
    "loss" | "group"
  >,
);

/** What evaluates a run. */
export interface EvaluationOptions extends Omit<EvaluateOptions, "loss"> {
  /** By which the processes of a run end the evaluation together. Default: one of `signal`. */
  agreement?: StopAgreement;
}

/**
 * Losses and accuracy of `model` in evaluation mode over everything that `loader` yields: on the CPU in float32 as with
 * {@link Model.freezeForInference}, except of a few images.
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
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  using held = holdModel(model);
  checkSameDevice(held, loader);
  checkSameClasses(held, loader);
  const channels = objective.blockClasses.length > 0;
  const autocast = autocastOf(options.precision);
  const group = options.group?.handle ? options.group : undefined;
  const sharded = isSharded(group, loader);
  const sum = new MetricsSum(channels);
  const tally = new ClassificationTally(model.spec.classes);
  let [done, byPlan] = [0, false];
  const batches = group
    ? batchesTogether(group, loader, options)
    : loader.batches({ signal: options.signal });
  for await (const batch of batches) {
    using current = batch;
    const { images, labels, samples } = current;
    if (done === 0) byPlan = isWorthPlan(current, loader);
    const result = await abortable(group ? undefined : options.signal, "the evaluation", (binding) =>
      binding.evaluateBatch(held.handle, images.handle, labels.handle, objective, autocast, byPlan),
    );
    sum.add(result, samples.length);
    tally.add(
      samples.map(({ label }) => label),
      result.samples,
    );
    const { channels: health, signal } = options;
    if (health) await addBatch(health, held, current, { byPlan, signal: group ? undefined : signal });
    options.onSamples?.(samples, predictedClasses(result.samples));
    done += 1;
    options.onBatch?.(done, loader.length);
  }
  const whole = { sum, tally, channels: options.channels, skipped: loader.skipped.length };
  const skipped = group && sharded ? await shareEvaluation(group, whole) : whole.skipped;
  const ofGroups = channels ? { groupAccuracy: sum.size > 0 ? sum.groupsCorrect / sum.size : 0 } : {};
  return { ...sum.mean(), ...tally.scores(), ...ofGroups, images: sum.size, skipped };
}

/**
 * A process's batches, after each of which the processes agree whether they go on: all of them end together, though one may
 * have a batch more than another.
 * @throws McLossError ERR_ABORTED, on all processes
 */
async function* batchesTogether(
  group: ProcessGroup,
  loader: DataLoader,
  { signal, agreement = new StopAgreement(group, new AbortController().signal, signal) }: EvaluationOptions,
): AsyncGenerator<Batch, void, void> {
  const batches = loader.batches();
  try {
    for (let left = 1; left > 0;) {
      const { done, value } = await batches.next();
      if (!done) yield value;
      [left = 0] = await sumNumbers(group, [done ? 0 : 1]);
      await agreement.agree();
      if (agreement.signal.aborted) throw abortError(agreement.signal, "the evaluation");
    }
  } finally {
    await batches.return();
  }
}
