import { z } from "zod";
import { throwIfAborted } from "../abort.js";
import { sumNumbers } from "../distributed/exchange.js";
import { invalidArgument, McLossError } from "../errors.js";
import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";
import type { AbortOptions } from "../native/abortable.js";
import type { Model } from "../models/model.js";
import { native } from "../native/binding.js";
import { generatorStates, restoreGenerators } from "../run/run-generators.js";
import { abortShape, callback, count, optionsOf } from "../schema.js";
import { keep } from "../tensor/scope.js";
import { BatchMixer } from "./batch-mixer.js";
import type { Mixing } from "./mixing/definition.js";
import { RateCurve, type RateSearch } from "./rate-search.js";
import type { StepMaker } from "./step-maker.js";
import type { CompleteTrainerOptions } from "./trainer-options.js";
import { applyUnfreezing } from "./unfreeze.js";

/** Options of {@link Trainer.findRate}. */
export interface FindRateOptions extends AbortOptions {
  /** The first rate. Default 1e-7. */
  from?: number;
  /** The last rate. Default 10. */
  to?: number;
  /** Steps between them, each with a rate that is so many times the last one's. Default 100. */
  steps?: number;
  /** Called after each step. */
  onStep?: (done: number, total: number, loss: number) => void;
}

const positive = z.number().gt(0);

/** {@link FindRateOptions} */
export const findRateOptions = optionsOf<FindRateOptions>({
  ...abortShape,
  from: positive.optional(),
  to: positive.optional(),
  steps: count.optional(),
  onStep: callback.optional(),
});

/** Of fastai's `lr_find`. */
const DEFAULTS = { from: 1e-7, to: 10, steps: 100 };

/** Makes the steps of a range test. What they change is the caller's to restore. */
export async function findRate(
  maker: StepMaker,
  { seed, unfreeze, optimizer, mix }: CompleteTrainerOptions,
  train: DataLoader,
  { signal, onStep, ...given }: FindRateOptions,
): Promise<RateSearch> {
  const { from, to, steps } = { ...DEFAULTS, ...given };
  if (from >= to) throw invalidArgument("to", `must be more than from, which is ${from}, got ${to}`);
  const { learningRate: whole } = optimizer;
  if (!(whole > 0))
    throw invalidArgument("optimizer.learningRate", "must be above 0: the rates of groups are parts of it");
  const curve = new RateCurve();
  maker.model.train();
  if (unfreeze) applyUnfreezing(maker.model, unfreeze, 0);
  const mixer = mix && new BatchMixer(mix, seed);
  let diverged = false;
  for await (const batch of batchesOf(train, steps, seed, signal)) {
    const done = curve.rates.length;
    const rate = from * (to / from) ** (steps > 1 ? done / (steps - 1) : 0);
    maker.setLearningRates(rate / whole);
    const [height = 0, width = 0] = batch.images.shape.slice(2);
    const loss = await stepWith(maker, batch, mixer?.draw(1, done, { height, width }));
    onStep?.(done + 1, steps, loss);
    diverged = curve.add(rate, loss);
    if (diverged) break;
  }
  await maker.parts().optimizer.zeroGrad();
  throwIfAborted(signal, "the search for a rate");
  const result = curve.result(diverged);
  if (result) return result;
  const text = `the loss was not finite after ${curve.rates.length} of ${steps} steps from a rate of ${from}: begin with a lower one (from)`;
  throw new McLossError("ERR_NAN_LOSS", text, { argument: "from" });
}

/** Of the batch's mean over all processes. */
async function stepWith(maker: StepMaker, batch: Batch, mixing: Mixing | undefined): Promise<number> {
  const handle = await maker.step(batch, { position: 0, accumulate: 1 }, mixing);
  const [metrics] = await native().readMetrics([handle]);
  native().dispose(handle);
  const loss = metrics?.loss ?? NaN;
  const group = maker.parallel?.group;
  if (!group) return loss;
  const [sum = NaN] = await sumNumbers(group, [loss]);
  return sum / group.worldSize;
}

/** As many batches as that, from as many epochs as it takes. */
async function* batchesOf(
  train: DataLoader,
  total: number,
  seed: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Batch, void, void> {
  let done = 0;
  for (let epoch = 0; done < total; epoch += 1) {
    train.epoch = epoch;
    const before = done;
    for await (const batch of train.batches({ signal, seed })) {
      done += 1;
      yield batch;
      if (done === total) return;
    }
    if (done === before) return;
  }
}

/** Does some work on a model and a loader, and then brings back all that it changed, bit for bit. */
export async function restoring<Result>(
  model: Model,
  train: DataLoader,
  work: () => Promise<Result>,
): Promise<Result> {
  const drawing = { model, masks: null };
  const [loader, generators] = [train.state(), await generatorStates(drawing)];
  const copies = model.state().map(({ name, tensor }) => [name, keep(tensor.detach().clone())] as const);
  try {
    return await work();
  } finally {
    model.loadStateDict(Object.fromEntries(copies));
    for (const [, copy] of copies) copy.dispose();
    restoreGenerators(drawing, generators);
    train.restore(loader);
  }
}
