import type { Batch } from "../data/batch.js";
import type { DataLoader } from "../data/loader.js";
import { invalidArgument, McLossError } from "../errors.js";
import { saveModel } from "../models/checkpoint.js";
import { Model } from "../models/model.js";
import { native, type ObjectiveOptions, type StepOptions, type TensorHandle } from "../native/binding.js";
import { EMA } from "../optim/ema.js";
import { GradScaler } from "../optim/grad-scaler.js";
import type { Optimizer } from "../optim/optimizer.js";
import { checkSchedule, defaultSchedule, factorAt, type Schedule } from "../optim/schedule.js";
import { parseOptions } from "../schema.js";
import { zeros } from "../tensor/creation.js";
import { allowTf32 } from "../tensor/cuda.js";
import { backwardMode } from "../tensor/grad-mode.js";
import { keep } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { buildOptimizer } from "./build-optimizer.js";
import { ClassCenters } from "./class-centers.js";
import { DEFAULT_EPOCHS } from "./defaults.js";
import { tallyOf } from "./evaluate-channels.js";
import { evaluateObjective, summarize, type EvaluateOptions, type Evaluation } from "./evaluate.js";
import type { CheckpointEvent, EpochEvent, NoticeEvent, StepEvent, TrainingEvent } from "./events.js";
import { metricsOf, MetricsSum, trainsChannels, type Metrics } from "./metrics.js";
import { buildObjective } from "./objective.js";
import { RunFolder, type EpochRecord } from "./run-folder.js";
import { describeRun } from "./run-info.js";
import { checkTrainingClasses } from "./same-classes.js";
import { checkSameDevice } from "./same-device.js";
import { StepGraph } from "./step-graph.js";
import {
  checkChannelHealth,
  fitOptions,
  trainerOptions,
  type FitOptions,
  type TrainerOptions,
} from "./trainer-options.js";
import { loadTraining, saveTraining, type TrainingParts } from "./training-checkpoint.js";
import { applyUnfreezing, checkUnfreezing } from "./unfreeze.js";
import { UnreadSteps, type MadeStep } from "./unread-steps.js";

/** Where a run is; what `resume` goes on from. */
interface Progress {
  epoch: number;
  batches: number;
  sum: MetricsSum;
  best: number;
}

const TERM_NAMES: Readonly<Record<string, string>> = { crossEntropy: "cross-entropy", center: "center loss" };

/** Trains a model on a loader's batches, one native call a step, without blocking the event loop. */
export class Trainer {
  /** What is trained. */
  readonly model: Model;
  /** How many times the whole training set is seen. */
  readonly epochs: number;
  readonly #options: TrainerOptions;
  readonly #objective: ObjectiveOptions;
  /** Whether steps measure the terms of MC-Loss. */
  readonly #channels: boolean;
  readonly #centers: ClassCenters | undefined;
  readonly #optimizer: Optimizer<{ learningRate: number }>;
  readonly #baseRates: readonly number[];
  readonly #schedule: Schedule;
  readonly #accumulate: number;
  readonly #metricsEvery: number;
  readonly #scaler: GradScaler | undefined;
  #ema: EMA | undefined;
  #graph: StepGraph | undefined;
  #fitting: Model | undefined;
  /** What each epoch was judged by: its validation accuracy, or the training's where there is none. */
  #judged: number[] = [];
  #lastCheckpoint: string | undefined;

  /** @throws McLossError ERR_ARGUMENT naming the option, ERR_DISPOSED */
  constructor(model: Model, given: TrainerOptions = {}) {
    const options = parseOptions(trainerOptions, given);
    const { epochs = DEFAULT_EPOCHS, loss = {}, seed = 0, accumulate = 1 } = options;
    this.model = model;
    this.epochs = epochs;
    this.#options = options;
    this.#accumulate = accumulate;
    this.#schedule = options.schedule ?? defaultSchedule(epochs);
    checkSchedule(this.#schedule, epochs);
    if (options.unfreeze) checkUnfreezing(model, options.unfreeze, epochs);
    const objective = buildObjective(model, loss, seed);
    this.#centers = loss !== "ce" && loss.center ? new ClassCenters(model, loss.center) : undefined;
    this.#objective = { ...objective, center: this.#centers?.term ?? null };
    this.#channels = trainsChannels(objective);
    this.#optimizer = buildOptimizer(model, options.optimizer);
    this.#baseRates = [...this.#optimizer.learningRates];
    this.#scaler = options.precision === "float16" ? new GradScaler() : undefined;
    this.#metricsEvery = options.metricsEvery ?? (model.device === "cpu" ? 1 : 10);
  }

  /**
   * Trains for `epochs`, yielding what happens.
   * @throws McLossError ERR_NAN_LOSS, ERR_ABORTED, ERR_BUSY while another fit() goes on, ERR_IO, ERR_CHECKPOINT, or what
   * the loader throws
   */
  async *fit(train: DataLoader, options: FitOptions = {}): AsyncGenerator<TrainingEvent, void, void> {
    if (this.#fitting) {
      const text = "this trainer is in a fit() already: iterate that to its end, or make another trainer";
      throw new McLossError("ERR_BUSY", text);
    }
    using held = this.model.hold();
    this.#fitting = held;
    try {
      yield* this.#fit(train, parseOptions(fitOptions, options));
    } finally {
      this.#fitting = undefined;
    }
  }

  /** What is trained, held for the length of a fit(). */
  get #model(): Model {
    return this.#fitting ?? this.model;
  }

  async *#fit(train: DataLoader, options: FitOptions): AsyncGenerator<TrainingEvent, void, void> {
    const { output, tf32 } = this.#options;
    if (tf32 !== undefined) allowTf32(tf32);
    checkSameDevice(this.#model, train);
    checkTrainingClasses(this.#model, train, options.validation);
    if (options.resume && output === undefined) throw invalidArgument("resume", "needs the option output");
    checkChannelHealth(this.#model, options);
    const run = output === undefined ? undefined : await RunFolder.open(output);
    try {
      const { ema } = this.#options;
      this.#ema ??= ema === undefined ? undefined : new EMA(this.#model, ema);
      const progress = await this.#begin(train, run, options.resume ?? false);
      // One for each run: what a graph has recorded is where the run's tensors are.
      if (this.#options.cudaGraph) this.#graph = new StepGraph(this.#model, this.#accumulate);
      yield* this.#notices();
      while (progress.epoch <= this.epochs) yield* this.#epoch(train, progress, run, options);
    } finally {
      this.#graph?.dispose();
      this.#graph = undefined;
      await run?.close();
    }
  }

  /** Losses and accuracy in evaluation mode, with this trainer's objective; of the averaged weights where there are any. */
  async evaluate(loader: DataLoader, options: Omit<EvaluateOptions, "loss"> = {}): Promise<Evaluation> {
    const { precision = this.#options.precision } = options;
    const resolved = { ...options, precision };
    if (!this.#ema) return evaluateObjective(this.#model, loader, this.#objective, resolved);
    using averaged = await this.#averagedModel(this.#ema);
    return await evaluateObjective(averaged, loader, this.#objective, resolved);
  }

  #notices(): NoticeEvent[] {
    return this.#graph?.notices() ?? [];
  }

  async #averagedModel(ema: EMA): Promise<Model> {
    const averaged = new Model(this.#model.spec, { info: this.#model.info });
    averaged.loadStateDict(Object.fromEntries(ema.state().map(({ name, tensor }) => [name, tensor])));
    return averaged.to(this.#model.device);
  }

  async #begin(train: DataLoader, run: RunFolder | undefined, resume: boolean): Promise<Progress> {
    if (!run || !resume) {
      this.#judged = [];
      await run?.clear(this.#options.overwrite ?? false);
      await run?.writeInfo(describeRun(this.#model, this.#options));
      return { epoch: 1, batches: 0, sum: new MetricsSum(this.#channels), best: -1 };
    }
    const path = run.checkpoint("last");
    const { epoch, batches, sums, best, judged, loader } = await loadTraining(path, this.#parts());
    this.#judged = judged;
    this.#lastCheckpoint = path;
    train.restore(loader);
    await run.keepMetrics(epoch);
    // For the record of an epoch of which no step is left.
    if (batches > 0) this.#setLearningRates(epoch, batches - 1, train.length);
    return { epoch, batches, sum: MetricsSum.from(sums, this.#channels), best };
  }

  #parts(): TrainingParts {
    return {
      model: this.#model,
      optimizer: this.#optimizer,
      scaler: this.#scaler,
      ema: this.#ema,
      masks: this.#objective.generator,
      centers: this.#centers?.tensor,
    };
  }

  async *#epoch(
    train: DataLoader,
    progress: Progress,
    run: RunFolder | undefined,
    options: FitOptions,
  ): AsyncGenerator<TrainingEvent, void, void> {
    const event = yield* this.#trainEpoch(train, progress, run, options);
    yield event;
    await run?.appendMetrics(this.#record(event, progress, train.length));
    const accuracy = event.validation?.accuracy ?? -1;
    const isBest = accuracy > progress.best;
    if (isBest) progress.best = accuracy;
    Object.assign(progress, { epoch: progress.epoch + 1, batches: 0, sum: new MetricsSum(this.#channels) });
    yield* this.#save(run, train, progress, "last");
    if (isBest) yield* this.#saveBest(run);
  }

  async *#trainEpoch(
    train: DataLoader,
    progress: Progress,
    run: RunFolder | undefined,
    options: FitOptions,
  ): AsyncGenerator<StepEvent | CheckpointEvent | NoticeEvent, EpochEvent, void> {
    using unread = new UnreadSteps();
    using foundInf = keep(zeros([], { device: this.#model.device }));
    const { epoch, sum } = progress;
    this.#model.train();
    if (this.#options.unfreeze) applyUnfreezing(this.#model, this.#options.unfreeze, epoch - 1);
    train.epoch = epoch - 1;
    const [started, before] = [performance.now(), sum.size];
    let [asked, waited, nonFinite] = [started, 0, 0];
    const interrupted = () => options.signal?.aborted && progress.batches % this.#accumulate === 0;
    for await (const batch of train) {
      const dataMs = performance.now() - asked;
      waited += dataMs;
      this.#setLearningRates(epoch, progress.batches, train.length);
      const handle = await this.#step(batch, this.#stepOptions(progress.batches, train.length, foundInf));
      progress.batches += 1;
      yield* this.#notices();
      unread.add(this.#madeStep(batch, progress, train.length, dataMs), handle);
      if (unread.count >= this.#metricsEvery) nonFinite += yield* this.#readSteps(unread, sum);
      if (interrupted()) {
        yield* this.#readSteps(unread, sum);
        return yield* this.#interrupt(run, train, progress, options.signal);
      }
      asked = performance.now();
    }
    nonFinite += yield* this.#readSteps(unread, sum);
    const milliseconds = performance.now() - started;
    const event: EpochEvent = {
      type: "epoch",
      epoch,
      epochs: this.epochs,
      train: sum.mean(),
      imagesPerSecond: (1000 * (sum.size - before)) / milliseconds,
      dataShare: waited / milliseconds,
      skipped: train.skipped.length,
      nonFinite,
    };
    const { validation, validateEvery = 1 } = options;
    const isLast = epoch === this.epochs;
    const { channelHealth = isLast && this.model.groups !== undefined } = options;
    if (validation && (isLast || epoch % validateEvery === 0))
      Object.assign(event, await this.#validate(validation, channelHealth));
    this.#judged.push((event.validation ?? event.train).accuracy);
    return event;
  }

  async #validate(
    loader: DataLoader,
    channelHealth: boolean,
  ): Promise<Pick<EpochEvent, "validation" | "channels">> {
    if (!channelHealth) return { validation: await this.evaluate(loader) };
    using channels = tallyOf(this.#model);
    const validation = await this.evaluate(loader, { channels });
    return { validation, channels: (await channels.result()).overall };
  }

  /** The batch's metrics, on the model's device. */
  async #step(batch: Batch, options: StepOptions): Promise<TensorHandle> {
    const step = {
      ...options,
      model: this.#model.handle,
      optimizer: this.#optimizer.handle,
      images: batch.images.handle,
      labels: batch.labels.handle,
      objective: this.#objective,
    };
    const metrics = await native().trainStep(step, backwardMode());
    batch.dispose();
    return metrics;
  }

  /** Tells of the steps that were not read yet, and counts those whose loss is not finite. */
  async *#readSteps(unread: UnreadSteps, sum: MetricsSum): AsyncGenerator<StepEvent, number, void> {
    let nonFinite = 0;
    for (const { metrics, event, paths } of await unread.read()) {
      const values = metricsOf(metrics, event.images, this.#channels);
      if (Number.isFinite(metrics.loss)) sum.add(metrics, event.images);
      else if (this.#options.onNan === "skip") nonFinite += 1;
      else throw this.#nonFiniteLoss(values, paths, event.epoch);
      yield { ...event, ...values };
    }
    return nonFinite;
  }

  #stepOptions(done: number, batches: number, foundInf: Tensor): StepOptions {
    const { precision = "float32", clipNorm, clipValue } = this.#options;
    const position = done % this.#accumulate;
    return {
      learningRates: this.#optimizer.learningRates,
      // The last update of an epoch may have fewer batches.
      accumulate: Math.min(this.#accumulate, batches - (done - position)),
      position,
      ...(precision === "float32" ? {} : { autocast: precision }),
      ...(clipNorm === undefined ? {} : { clipNorm }),
      ...(clipValue === undefined ? {} : { clipValue }),
      ...(this.#scaler ? { scaler: this.#scaler.handle } : {}),
      ...(this.#ema ? { ema: this.#ema.handle } : {}),
      ...this.#graph?.stepOptions,
      foundInf: foundInf.handle,
      skipNonFinite: this.#options.onNan === "skip",
    };
  }

  #madeStep(batch: Batch, { epoch, batches: done }: Progress, batches: number, dataMs: number): MadeStep {
    const event = {
      type: "step",
      epoch,
      step: (epoch - 1) * batches + done,
      steps: this.epochs * batches,
      images: batch.samples.length,
      learningRate: this.#optimizer.learningRates[0] ?? 0,
      dataSeconds: dataMs / 1000,
    } as const;
    return { event, paths: batch.paths };
  }

  #setLearningRates(epoch: number, done: number, batches: number): void {
    const position = {
      epoch: epoch - 1 + done / batches,
      epochs: this.epochs,
      stepsPerEpoch: batches,
      metrics: this.#judged,
    };
    const factor = factorAt(this.#schedule, position);
    this.#baseRates.forEach((rate, group) => {
      this.#optimizer.learningRates[group] = rate * factor;
    });
  }

  #record({ type, validation, ...event }: EpochEvent, progress: Progress, batches: number): EpochRecord {
    return {
      time: new Date().toISOString(),
      step: (progress.epoch - 1) * batches + progress.batches,
      learningRate: this.#optimizer.learningRates[0] ?? 0,
      ...event,
      ...(validation ? { validation: summarize(validation) } : {}),
    };
  }

  async *#save(
    run: RunFolder | undefined,
    train: DataLoader,
    { epoch, batches, sum, best }: Progress,
    reason: "last" | "interrupted",
  ): AsyncGenerator<CheckpointEvent, void, void> {
    if (!run) return;
    if (!(await native().isFinite(this.#model.handle))) {
      throw this.#nonFiniteWeights(batches > 0 ? epoch : epoch - 1);
    }
    const path = run.checkpoint("last");
    const position = {
      epoch,
      batches,
      sums: sum.toJSON(),
      best,
      judged: this.#judged,
      loader: train.state(),
    };
    await saveTraining(path, this.#parts(), position);
    this.#lastCheckpoint = path;
    yield { type: "checkpoint", path, reason };
  }

  async *#saveBest(run: RunFolder | undefined): AsyncGenerator<CheckpointEvent, void, void> {
    if (!run) return;
    const path = run.checkpoint("best");
    if (this.#ema) {
      using averaged = await this.#averagedModel(this.#ema);
      await saveModel(averaged, path);
    } else {
      await saveModel(this.#model, path);
    }
    yield { type: "checkpoint", path, reason: "best" };
  }

  async *#interrupt(
    run: RunFolder | undefined,
    train: DataLoader,
    progress: Progress,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<CheckpointEvent, never, void> {
    yield* this.#save(run, train, progress, "interrupted");
    const saved = this.#lastCheckpoint ? `; the run can go on from ${this.#lastCheckpoint}` : "";
    throw new McLossError("ERR_ABORTED", `interrupted in epoch ${progress.epoch}${saved}`, {
      cause: signal?.reason,
    });
  }

  #nonFiniteLoss(metrics: Metrics, paths: readonly string[], epoch: number): McLossError {
    const { loss, accuracy, ...measured } = metrics;
    const terms = Object.entries(measured).map(([name, value]) => `${TERM_NAMES[name] ?? name} ${value}`);
    const text =
      `the loss became ${loss} in epoch ${epoch} (${terms.join(", ")}); lower the learning rate, or look at the ` +
      `batch's files: ${paths.join(", ")}.${this.#lastGood()}`;
    return new McLossError("ERR_NAN_LOSS", text);
  }

  #nonFiniteWeights(epoch: number): McLossError {
    const text = `the weights became infinite or NaN in epoch ${epoch} and were not saved; lower the learning rate.`;
    return new McLossError("ERR_NAN_LOSS", text + this.#lastGood());
  }

  #lastGood(): string {
    return this.#lastCheckpoint ? ` The last good model is in ${this.#lastCheckpoint}.` : "";
  }
}
