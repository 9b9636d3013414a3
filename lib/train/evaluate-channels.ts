import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";
import { ChannelHealthTally, type ChannelHealthReport } from "../loss/channel-health.js";
import { evaluateFeatures } from "../models/evaluation.js";
import { groupsOf } from "../models/groups-of.js";
import { holdModel, type Model } from "../models/model.js";
import type { AbortOptions } from "../native/abortable.js";
import { abortShape, callback, optionsOf, parseOptions } from "../schema.js";
import { tidy } from "../tensor/scope.js";
import { isWorthPlan } from "./by-plan.js";
import { checkSameClasses } from "../models/same-classes.js";
import { checkSameDevice } from "./same-device.js";

const schema = optionsOf<EvaluateChannelsOptions>({ ...abortShape, onBatch: callback.optional() });

/** Options of {@link evaluateChannels}. */
export interface EvaluateChannelsOptions extends AbortOptions {
  /** Called after each batch. */
  onBatch?: (done: number, total: number) => void;
}

/**
 * How well the model's channels are shared among classes and places, over everything that `loader` yields. Of several
 * views of an image each counts.
 * @throws McLossError ERR_ARGUMENT where the model has no channel groups
 */
export async function evaluateChannels(
  model: Model,
  loader: DataLoader,
  given: EvaluateChannelsOptions = {},
): Promise<ChannelHealthReport> {
  const options = parseOptions(schema, given);
  using held = holdModel(model);
  checkSameDevice(held, loader);
  checkSameClasses(held, loader);
  using tally = tallyOf(held);
  let [done, byPlan] = [0, false];
  for await (const batch of loader.batches({ signal: options.signal })) {
    using current = batch;
    if (done === 0) byPlan = isWorthPlan(current, loader);
    await addBatch(tally, held, current, { byPlan, signal: options.signal });
    done += 1;
    options.onBatch?.(done, loader.length);
  }
  return await tally.result();
}

/** @throws McLossError ERR_ARGUMENT where the model has no channel groups */
export function tallyOf(model: Model): ChannelHealthTally {
  return new ChannelHealthTally(groupsOf(model));
}

/** Adds the features of one batch, computed in evaluation mode; `byPlan` as frozen for inference. */
export async function addBatch(
  tally: ChannelHealthTally,
  model: Model,
  { images, samples }: Batch,
  { byPlan, signal }: AbortOptions & { byPlan: boolean },
): Promise<void> {
  using viewer = byPlan ? model.holdFrozen() : model.hold();
  const [, views = 1] = images.ndim === 5 ? images.shape : [];
  const labels = samples.flatMap(({ label }) => new Array<number>(views).fill(label));
  await tidy(async () => tally.add(await evaluateFeatures(viewer, images, { signal }), labels));
}
