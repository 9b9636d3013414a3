import type { DataLoader } from "../loader/data-loader.js";
import { invalidArgument, McLossError } from "../errors.js";
import { checkModel, type Model } from "../models/model.js";
import { checkSchedule, defaultSchedule } from "../optim/schedule.js";
import { parseOptions } from "../schema.js";
import { allowTf32 } from "../tensor/cuda.js";
import { DEFAULT_EPOCHS } from "./defaults.js";
import { trainerEvaluateOptions, type EvaluateOptions, type Evaluation } from "./evaluate.js";
import type { TrainingEvent } from "./events.js";
import { resolveJudgement } from "./monitor.js";
import { Run, type TrainingResult } from "./run.js";
import { checkTrainingClasses } from "./same-classes.js";
import { checkSameDevice } from "./same-device.js";
import { StepMaker } from "./step-maker.js";
import {
  checkChannelHealth,
  fitOptions,
  trainerOptions,
  type FitOptions,
  type TrainerOptions,
} from "./trainer-options.js";
import { Training } from "./training.js";
import { checkUnfreezing } from "./unfreeze.js";

/**
 * Trains a model on a loader's batches, one native call a step, without blocking the event loop. It owns the optimizer's
 * state and the average of the weights; dispose(), or `using`, frees them. The model and the loader stay the caller's.
 */
export class Trainer {
  /** What is trained. */
  readonly model: Model;
  /** How many times the whole training set is seen. */
  readonly epochs: number;
  readonly #options: TrainerOptions;
  readonly #maker: StepMaker;
  #running = false;
  #disposed = false;

  /** @throws McLossError ERR_ARGUMENT naming the option, ERR_DISPOSED */
  constructor(model: Model, given: TrainerOptions = {}) {
    checkModel(model);
    const options = parseOptions(trainerOptions, given);
    const { epochs = DEFAULT_EPOCHS } = options;
    const schedule = options.schedule ?? defaultSchedule(epochs);
    checkSchedule(schedule, epochs);
    if (options.unfreeze) checkUnfreezing(model, options.unfreeze, epochs);
    this.model = model;
    this.epochs = epochs;
    this.#options = { ...options, epochs, ...resolveJudgement(options.monitor, schedule) };
    this.#maker = new StepMaker(model, options);
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
    this.#requireAlive();
    if (this.#running) {
      const text = "this trainer is in a fit() already: wait for the end of that, or make another trainer";
      throw new McLossError("ERR_BUSY", text);
    }
    checkSameDevice(this.model, train);
    checkTrainingClasses(this.model, train, options.validation);
    if (options.resume && output === undefined) throw invalidArgument("resume", "needs the option output");
    checkChannelHealth(this.model, options);
    const training = new Training(this.#maker, this.#options, train, options, stop);
    if (tf32 !== undefined) allowTf32(tf32);
    this.#running = true;
    try {
      return yield* training.run();
    } finally {
      this.#running = false;
    }
  }

  /** Losses and accuracy in evaluation mode, with this trainer's objective; of the averaged weights where there are any. */
  async evaluate(loader: DataLoader, given: Omit<EvaluateOptions, "loss"> = {}): Promise<Evaluation> {
    this.#requireAlive();
    const options = parseOptions(trainerEvaluateOptions, given);
    return this.#maker.evaluate(loader, options);
  }

  #requireAlive(): void {
    if (this.#disposed) throw new McLossError("ERR_DISPOSED", "the trainer was disposed: make another");
  }

  /** Frees the optimizer's state, the average of the weights and all else but the model. May be called again. */
  dispose(): void {
    this.#disposed = true;
    this.#maker.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
