import { access, constants, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Batch, DataLoader } from "../data/loader.js";
import { invalidArgument, McLossError } from "../errors.js";
import { saveModel } from "../io/checkpoint.js";
import type { Model } from "../models/model.js";
import { native, type BatchMetrics, type ObjectiveOptions } from "../native/binding.js";
import { checkSchedule, learningRateFactor, type Schedule } from "../optim/schedule.js";
import { SGD, type SgdOptions } from "../optim/sgd.js";
import { evaluateObjective, type Evaluation } from "./evaluate.js";
import type { CheckpointEvent, EpochEvent, StepEvent, TrainingEvent } from "./events.js";
import { MetricsSum } from "./metrics.js";
import { buildObjective, type LossOptions } from "./objective.js";

export interface TrainerOptions {
  /** Default 100. */
  epochs?: number;
  /** Default: MC-Loss with α 1.5 and β 20. */
  loss?: LossOptions;
  /** Default: learning rate 0.05, Nesterov momentum 0.9, weight decay 5e-4. */
  optimizer?: SgdOptions & {
    /** Whether weight decay applies to biases and normalisation too. Default false. */
    decayBiasAndNorm?: boolean;
  };
  /** Default: cosine after 3 warm-up epochs, or as many as fit. */
  schedule?: Schedule;
  /** Of the channel masks. The model and the loader have their own. Default 0. */
  seed?: number;
  /** Folder for `last.safetensors` and `best.safetensors`. Default: nothing is written. */
  output?: string;
}

export interface FitOptions {
  /** Evaluated after every `validateEvery` epochs and after the last. */
  validation?: DataLoader;
  /** Default 1. */
  validateEvery?: number;
  /** Stops after the running step, writes `last.safetensors`, and throws ERR_ABORTED. */
  signal?: AbortSignal;
}

/** Trains a model on a loader's batches, one native call a step, without blocking the event loop. */
export class Trainer {
  readonly model: Model;
  readonly epochs: number;
  readonly #objective: ObjectiveOptions;
  readonly #optimizer: SGD;
  readonly #baseRates: readonly number[];
  readonly #schedule: Schedule;
  readonly #output: string | undefined;
  #lastCheckpoint: string | undefined;

  constructor(model: Model, options: TrainerOptions = {}) {
    const { epochs = 100, loss = {}, seed = 0 } = options;
    if (!Number.isInteger(epochs) || epochs < 1) {
      throw invalidArgument("epochs", `must be a positive integer, got ${epochs}`);
    }
    this.model = model;
    this.epochs = epochs;
    this.#schedule = options.schedule ?? { type: "cosine", warmupEpochs: Math.min(3, epochs - 1) };
    checkSchedule(this.#schedule, epochs);
    this.#objective = buildObjective(model, loss, seed);
    this.#optimizer = buildOptimizer(model, options.optimizer);
    this.#baseRates = [...this.#optimizer.learningRates];
    this.#output = options.output;
  }

  /**
   * Trains for `epochs`, yielding what happens.
   * @throws McLossError ERR_NAN_LOSS, ERR_ABORTED, ERR_IO, or what the loader throws
   */
  async *fit(train: DataLoader, options: FitOptions = {}): AsyncGenerator<TrainingEvent, void, void> {
    await this.#prepareOutput();
    let best = -1;
    for (let epoch = 1; epoch <= this.epochs; epoch += 1) {
      const result = yield* this.#trainEpoch(train, epoch, options);
      yield result;
      yield* this.#save("last");
      const accuracy = result.validation?.accuracy ?? -1;
      if (accuracy <= best) continue;
      best = accuracy;
      yield* this.#save("best");
    }
  }

  /** Losses and accuracy in evaluation mode, with this trainer's objective. */
  async evaluate(loader: DataLoader, options: { signal?: AbortSignal } = {}): Promise<Evaluation> {
    return evaluateObjective(this.model, loader, this.#objective, options);
  }

  async *#trainEpoch(
    train: DataLoader,
    epoch: number,
    options: FitOptions,
  ): AsyncGenerator<StepEvent | CheckpointEvent, EpochEvent, void> {
    this.model.train();
    train.epoch = epoch - 1;
    const sum = new MetricsSum();
    const started = performance.now();
    let step = (epoch - 1) * train.length;
    for await (const batch of train) {
      if (options.signal?.aborted) return yield* this.#interrupt(epoch, options.signal);
      this.#setLearningRates(step / train.length);
      const metrics = await this.#step(batch, epoch);
      sum.add(metrics);
      step += 1;
      yield this.#stepEvent(metrics, epoch, step, train.length);
    }
    if (options.signal?.aborted) return yield* this.#interrupt(epoch, options.signal);
    const seconds = (performance.now() - started) / 1000;
    const event: EpochEvent = {
      type: "epoch",
      epoch,
      epochs: this.epochs,
      train: sum.mean(),
      imagesPerSecond: sum.size / seconds,
      skipped: train.skipped.length,
    };
    const { validation, validateEvery = 1 } = options;
    const due = epoch % validateEvery === 0 || epoch === this.epochs;
    if (validation && due) event.validation = await this.evaluate(validation);
    return event;
  }

  async #step(batch: Batch, epoch: number): Promise<BatchMetrics> {
    const metrics = await native().trainStep(
      this.model.handle,
      this.#optimizer.handle,
      batch.images.handle,
      batch.labels.handle,
      this.#objective,
      this.#optimizer.learningRates,
    );
    batch.dispose();
    if (!Number.isFinite(metrics.loss)) throw this.#nonFiniteLoss(metrics, batch, epoch);
    return metrics;
  }

  #stepEvent(metrics: BatchMetrics, epoch: number, step: number, stepsPerEpoch: number): StepEvent {
    const { loss, crossEntropy, discriminality, diversity } = metrics;
    return {
      type: "step",
      epoch,
      step,
      steps: this.epochs * stepsPerEpoch,
      loss,
      crossEntropy,
      discriminality,
      diversity,
      accuracy: metrics.correct / metrics.size,
      learningRate: this.#optimizer.learningRates[0] ?? 0,
    };
  }

  #setLearningRates(epoch: number): void {
    const factor = learningRateFactor(this.#schedule, epoch, this.epochs);
    this.#baseRates.forEach((rate, group) => {
      this.#optimizer.learningRates[group] = rate * factor;
    });
  }

  /** Finds out that the folder cannot be written before the training rather than after it. */
  async #prepareOutput(): Promise<void> {
    if (this.#output === undefined) return;
    try {
      await mkdir(this.#output, { recursive: true });
      await access(this.#output, constants.W_OK);
    } catch (cause) {
      const text = `cannot write to the output folder ${this.#output}: choose another, or change its permissions`;
      throw new McLossError("ERR_IO", text, { path: this.#output, argument: "output", cause });
    }
  }

  async *#save(reason: CheckpointEvent["reason"]): AsyncGenerator<CheckpointEvent, void, void> {
    if (this.#output === undefined) return;
    const path = join(this.#output, reason === "best" ? "best.safetensors" : "last.safetensors");
    await saveModel(this.model, path);
    this.#lastCheckpoint = path;
    yield { type: "checkpoint", path, reason };
  }

  async *#interrupt(epoch: number, signal: AbortSignal): AsyncGenerator<CheckpointEvent, never, void> {
    yield* this.#save("interrupted");
    const saved = this.#lastCheckpoint ? `; the model is in ${this.#lastCheckpoint}` : "";
    throw new McLossError("ERR_ABORTED", `interrupted in epoch ${epoch}${saved}`, { cause: signal.reason });
  }

  #nonFiniteLoss(metrics: BatchMetrics, batch: Batch, epoch: number): McLossError {
    const terms = `cross-entropy ${metrics.crossEntropy}, discriminality ${metrics.discriminality}, diversity ${metrics.diversity}`;
    const kept = this.#lastCheckpoint ? ` The last good model is in ${this.#lastCheckpoint}.` : "";
    const text =
      `the loss became ${metrics.loss} in epoch ${epoch} (${terms}); lower the learning rate, or look at the ` +
      `batch's files: ${batch.paths.join(", ")}.${kept}`;
    return new McLossError("ERR_NAN_LOSS", text);
  }
}

/** Weight decay on matrices and kernels only, unless asked otherwise. */
function buildOptimizer(model: Model, options: TrainerOptions["optimizer"]): SGD {
  const { decayBiasAndNorm = false, ...sgd } = options ?? {
    learningRate: 0.05,
    momentum: 0.9,
    nesterov: true,
    weightDecay: 5e-4,
  };
  const parameters = model.parameters();
  if (decayBiasAndNorm) return new SGD([{ parameters }], sgd);
  const isWeight = parameters.map((parameter) => parameter.shape.length > 1);
  const weights = parameters.filter((_, index) => isWeight[index]);
  const others = parameters.filter((_, index) => !isWeight[index]);
  const groups = [{ parameters: weights }, { parameters: others, weightDecay: 0 }];
  return new SGD(
    groups.filter((group) => group.parameters.length > 0),
    sgd,
  );
}
