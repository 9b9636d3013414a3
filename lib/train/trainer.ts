import type { DataLoader } from "../loader/data-loader.js";
import { invalidArgument, McLossError } from "../errors.js";
import { checkModel, type Model } from "../models/model.js";
import { parseOptions } from "../schema.js";
import { allowTf32 } from "../tensor/cuda.js";
import { manualSeed } from "../tensor/tensor.js";
import { buildOptimizer } from "./build-optimizer.js";
import {
  evaluateObjective,
  trainerEvaluateOptions,
  type EvaluateOptions,
  type Evaluation,
} from "./evaluate.js";
import type { TrainingEvent } from "./events.js";
import { findRate, findRateOptions, restoring, type FindRateOptions } from "./find-rate.js";
import { isChannelLoss } from "./losses.js";
import type { RateSearch } from "./rate-search.js";
import { RunObjective } from "./run-objective.js";
import { rankSeed } from "../distributed/rank-seed.js";
import { Run, type TrainingResult } from "./run.js";
import { checkShare } from "./share.js";
import { checkSameDevice } from "./same-device.js";
import { StepMaker } from "./step-maker.js";
import {
  checkChannelHealth,
  completeTrainerOptions,
  fitOptions,
  type CompleteTrainerOptions,
  type FitOptions,
  type TrainerOptions,
} from "./trainer-options.js";
import { checkTrainingClasses } from "./training-classes.js";
import { Training } from "./training.js";
import { checkUnfreezing } from "./unfreeze.js";

/**
 * Trains a model on a loader's batches, one native call a step, without blocking the event loop. It owns what a run needs
 * beside the weights, the optimizer's state and their average among it: the end of the run frees that, and dispose(), or
 * `using`, the rest. The model and the loader stay the caller's.
 */
export class Trainer {
  /** What is trained. */
  readonly model: Model;
  /** How many times the whole training set is seen. */
  readonly epochs: number;
  readonly #options: CompleteTrainerOptions;
  /** Of the run under way, or of the last one. */
  #objective: RunObjective;
  /** Of the run under way. */
  #maker: StepMaker | undefined;
  #running = false;
  #disposed = false;

  /** @throws McLossError ERR_ARGUMENT naming the option, ERR_DISPOSED */
  constructor(model: Model, given: TrainerOptions = {}) {
    checkModel(model);
    const options = completeTrainerOptions(given);
    const { epochs, loss, optimizer, seed, unfreeze } = options;
    model.weights.seedWith(seed);
    if (unfreeze) checkUnfreezing(model, unfreeze, epochs);
    // Each run makes its own; here it is seen that it can.
    buildOptimizer(model, optimizer).dispose();
    this.#objective = new RunObjective(model, loss, seed);
    this.model = model;
    this.epochs = epochs;
    this.#options = options;
  }

  /**
   * A training of `epochs` on what `train` yields, which begins when it is awaited or iterated: `await trainer.fit(train)`
   * trains to the end, `for await (const event of trainer.fit(train))` watches it. When it ends, the model has the weights
   * that were judged: with `ema`, their average.
   * @throws McLossError, where the run is awaited or iterated, ERR_ARGUMENT, ERR_BUSY while another goes on, ERR_NAN_LOSS, ERR_DATASET, ERR_ABORTED, ERR_IO,
   * ERR_CHECKPOINT, or what the loader throws
   */
  fit(train: DataLoader, options: FitOptions = {}): Run {
    const stop = new AbortController();
    return new Run(this.#fit(train, options, stop.signal), stop);
  }

  async *#fit(
    train: DataLoader,
    given: FitOptions,
    stop: AbortSignal,
  ): AsyncGenerator<TrainingEvent, TrainingResult, void> {
    const options = parseOptions(fitOptions, given);
    const { output, tf32 } = this.#options;
    this.#requireIdle();
    checkSameDevice(this.model, train);
    checkTrainingClasses(this.model, train, options.validation);
    const writes = (this.#options.group?.rank ?? 0) === 0;
    if (options.resume && writes && output === undefined)
      throw invalidArgument("resume", "needs the option output");
    if (this.#options.group) checkShare(this.#options.group, train);
    checkChannelHealth(this.model, options);
    if (tf32 !== undefined) allowTf32(tf32);
    this.#running = true;
    try {
      const maker = this.#beginRun(train);
      return yield* new Training(maker, this.#options, train, options, stop).run();
    } finally {
      this.#endRun();
    }
  }

  /** @param changes of the options, for this run alone */
  #beginRun(train: DataLoader, changes: Partial<CompleteTrainerOptions> = {}): StepMaker {
    const { loss, seed, group } = this.#options;
    // A run that goes on takes the generators' states from its checkpoint.
    manualSeed(rankSeed(seed, group?.rank ?? 0));
    this.#objective.dispose();
    this.#objective = new RunObjective(this.model, loss, maskSeed(this.#options), {
      classCounts: () => (train as Partial<DataLoader>).classCounts?.(),
    });
    this.#maker = new StepMaker(this.model, { ...this.#options, ...changes }, this.#objective);
    return this.#maker;
  }

  /**
   * A learning rate range test (Smith 2017; fastai's `lr_find`): trains with ever higher rates until the loss explodes, and
   * suggests one. The model, the loader and the generators are as before when it is done, bit for bit. The rates of groups
   * and layers keep their proportions, and the schedule is left out.
   * @throws McLossError as {@link Trainer.fit}; ERR_NAN_LOSS where even the first rates are too high
   */
  async findRate(train: DataLoader, given: FindRateOptions = {}): Promise<RateSearch> {
    const options = parseOptions(findRateOptions, given);
    this.#requireIdle();
    checkSameDevice(this.model, train);
    checkTrainingClasses(this.model, train, undefined);
    if (this.#options.group) checkShare(this.#options.group, train);
    this.#running = true;
    try {
      return await restoring(this.model, train, () => {
        const maker = this.#beginRun(train, { ema: undefined, cudaGraph: false });
        return findRate(maker, this.#options, train, options);
      });
    } finally {
      this.#endRun();
    }
  }

  #endRun(): void {
    this.#maker?.dispose();
    this.#maker = undefined;
    this.#running = false;
  }

  /** Losses and accuracy in evaluation mode, with this trainer's objective; of the averaged weights where there are any. */
  async evaluate(
    loader: DataLoader,
    given: Omit<EvaluateOptions, "loss" | "group"> = {},
  ): Promise<Evaluation> {
    this.#requireAlive();
    const options = { precision: this.#options.precision, ...parseOptions(trainerEvaluateOptions, given) };
    if (this.#maker) return this.#maker.evaluate(loader, options);
    const { group } = this.#options;
    return evaluateObjective(this.model, loader, this.#objective.options, { ...options, group });
  }

  #requireIdle(): void {
    this.#requireAlive();
    if (!this.#running) return;
    const text = "this trainer is in a fit() already: wait for the end of that, or make another trainer";
    throw new McLossError("ERR_BUSY", text);
  }

  #requireAlive(): void {
    if (this.#disposed) throw new McLossError("ERR_DISPOSED", "the trainer was disposed: make another");
  }

  /** Frees all that it made, and not the model. A run under way fails. May be called again. */
  dispose(): void {
    this.#disposed = true;
    this.#maker?.dispose();
    this.#objective.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** One mask for the batch is the same in all processes, whose parts are one batch; those of samples are each process's own. */
function maskSeed({ loss, seed, group }: CompleteTrainerOptions): number {
  const perSample = isChannelLoss(loss) && (loss.perSample ?? false);
  return perSample ? rankSeed(seed, group?.rank ?? 0) : seed;
}
