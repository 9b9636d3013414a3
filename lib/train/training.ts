import { existsSync } from "node:fs";
import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";
import { invalidArgument, McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { factorAt } from "../optim/schedule.js";
import { BatchReader } from "./batch-reader.js";
import { tallyOf } from "./evaluate-channels.js";
import { summarize, type Evaluation } from "./evaluate.js";
import type { EpochEvent, NoticeEvent, StepEvent, TrainingEvent } from "./events.js";
import { metricsOf, MetricsSum, type Metrics } from "./metrics.js";
import { isBetter, monitoredFigure, type Figure, type JudgedEpoch, type Judgement } from "./monitor.js";
import { RunFolder, type EpochRecord } from "./run-folder.js";
import { describeResumed, describeRun, type RunInfo } from "./run-info.js";
import type { TrainingResult } from "./run.js";
import type { StepMaker } from "./step-maker.js";
import type { FitOptions, TrainerOptions } from "./trainer-options.js";
import { loadTraining, readBest, saveBest, saveTraining } from "./training-checkpoint.js";
import { applyUnfreezing } from "./unfreeze.js";
import { UnreadSteps, type MadeStep } from "./unread-steps.js";

/** Where a run is; what a resume goes on from. */
interface Progress {
  epoch: number;
  batches: number;
  trained: boolean;
  sum: MetricsSum;
  updates: number;
  nonFinite: number;
  nonFiniteBefore: number;
  milliseconds: number;
  waited: number;
  best: JudgedEpoch | null;
  judged: number[];
}

type Options = TrainerOptions & Judgement & { epochs: number };

/** One run of a trainer. */
export class Training {
  readonly #maker: StepMaker;
  readonly #options: Options;
  readonly #train: DataLoader;
  readonly #fit: FitOptions;
  /** Of stop(), and of the caller's signal. */
  readonly #stop: AbortSignal;
  readonly #figure: Figure;
  readonly #accumulate: number;
  readonly #metricsEvery: number;
  #run: RunFolder | undefined;
  #progress: Progress;
  #lastCheckpoint: string | undefined;
  #lastEpoch: EpochEvent | undefined;
  /** Whether a loss of the update under way was not finite. */
  #spoiled = false;

  /** @throws McLossError ERR_ARGUMENT for a monitored figure that there will not be */
  constructor(
    maker: StepMaker,
    options: TrainerOptions,
    train: DataLoader,
    fit: FitOptions,
    stop: AbortSignal,
  ) {
    this.#maker = maker;
    this.#options = options as Options;
    this.#train = train;
    this.#fit = fit;
    this.#stop = fit.signal ? AbortSignal.any([stop, fit.signal]) : stop;
    this.#figure = monitoredFigure(this.#options.monitor, fit.validation !== undefined);
    this.#accumulate = options.accumulate ?? 1;
    this.#metricsEvery = options.metricsEvery ?? (this.#maker.model.device === "cpu" ? 1 : 10);
    this.#progress = this.#start();
  }

  async *run(): AsyncGenerator<TrainingEvent, TrainingResult, void> {
    const { output, epochs } = this.#options;
    try {
      this.#maker.begin();
      this.#run = output === undefined ? undefined : await RunFolder.open(output);
      yield* this.#begin();
      yield* this.#maker.notices();
      while (this.#progress.epoch <= epochs && !this.#stop.aborted) yield* this.#epoch();
      if (this.#progress.epoch <= epochs) this.#throwIfAborted();
      this.#maker.deliver();
      return this.#result();
    } finally {
      this.#maker.end();
      await this.#run?.close();
    }
  }

  #start(): Progress {
    const none = { batches: 0, updates: 0, nonFinite: 0, nonFiniteBefore: 0, milliseconds: 0, waited: 0 };
    const sum = new MetricsSum(this.#maker.channels);
    return { ...none, epoch: 1, trained: false, sum, best: null, judged: [] };
  }

  #result(): TrainingResult {
    const { epoch, best, nonFinite, nonFiniteBefore } = this.#progress;
    const { epochs } = this.#options;
    const last = this.#lastEpoch;
    const checkpoint = best ? this.#run?.checkpoint("best") : this.#lastCheckpoint;
    return {
      epochs: epoch - 1,
      ...(last ? { last } : {}),
      ...(best ? { best: { ...best, ...this.#figure } } : {}),
      stopped: epoch <= epochs,
      nonFinite: nonFiniteBefore + nonFinite,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    };
  }

  async *#begin(): AsyncGenerator<NoticeEvent, void, void> {
    const run = this.#run;
    if (!run) return;
    const info = describeRun(this.#maker.model, this.#options);
    if (!this.#fit.resume) {
      await run.clear(this.#options.overwrite ?? false);
      return run.writeInfo(info);
    }
    if (existsSync(run.checkpoint("last"))) return yield* this.#resume(run, info);
    const resumed = await describeResumed(run.path, info);
    await this.#requireFirstEpoch(run);
    await run.clear(true);
    await this.#writeChanges(run, resumed);
    yield notice("the run was ended before its first checkpoint: it begins anew");
  }

  async #writeChanges(run: RunFolder, resumed: (epoch: number) => object | undefined): Promise<void> {
    const info = resumed(this.#progress.epoch);
    if (info) await run.writeInfo(info);
  }

  async *#resume(run: RunFolder, info: RunInfo): AsyncGenerator<NoticeEvent, void, void> {
    const path = run.checkpoint("last");
    const resumed = await describeResumed(run.path, info);
    const { sums, loader, ...position } = await loadTraining(path, this.#maker.parts());
    const progress = { ...position, sum: MetricsSum.from(sums, this.#maker.channels) };
    this.#progress = progress;
    this.#lastCheckpoint = path;
    this.#train.restore(loader);
    if (this.#options.epochs < progress.epoch - 1) {
      throw invalidArgument("epochs", `must be at least ${progress.epoch - 1}, as that many are done`);
    }
    await this.#writeChanges(run, resumed);
    const lost = await run.keepMetrics(progress.epoch);
    if (lost.length > 0) {
      const epochs = `epoch${lost.length > 1 ? "s" : ""} ${lost.join(", ")}`;
      const advice = "Training goes on; for the figures, bring the file back from a copy once it has ended";
      yield notice(`metrics.jsonl has no record of ${epochs} any more. ${advice}`);
    }
    yield* this.#repairBest(run);
    // For the record of an epoch of which no step is left.
    if (progress.batches > 0) this.#setLearningRates(progress.batches - 1);
  }

  /** @throws McLossError ERR_CHECKPOINT where there was a last checkpoint, which is missing now */
  async #requireFirstEpoch(run: RunFolder): Promise<void> {
    const best = await readBest(run.checkpoint("best"));
    if ((await run.countMetrics()) <= 1 && (best?.epoch ?? 1) <= 1) return;
    const path = run.checkpoint("last");
    const text = `cannot go on from ${run.path}: ${path} is missing. Bring it back from a copy, or start a new run`;
    throw new McLossError("ERR_CHECKPOINT", text, { path });
  }

  /** Sees to it that the best checkpoint is that of the best epoch. */
  async *#repairBest(run: RunFolder): AsyncGenerator<NoticeEvent, void, void> {
    const { epoch, batches, trained, best } = this.#progress;
    const path = run.checkpoint("best");
    const found = await readBest(path);
    if (found && (found.epoch >= epoch || found.epoch === best?.epoch)) {
      // Of an epoch that was killed before its last checkpoint and is made again: it stays the best that there was.
      this.#progress.best = found;
      return;
    }
    if (!best) return;
    if (best.epoch === epoch - 1 && batches === 0 && !trained) {
      await saveBest(path, this.#maker.model, this.#maker.delivered(), best);
      return yield notice(
        `the best checkpoint was missing or stale: epoch ${best.epoch}'s was written again`,
      );
    }
    this.#progress.best = found ?? null;
    const rest = found
      ? `that of epoch ${found.epoch} is there`
      : "the best epoch from now on takes its place";
    yield notice(
      `the checkpoint of the best epoch, ${best.epoch}, is missing or damaged: bring ${path} back from a copy; ${rest}`,
    );
  }

  async *#epoch(): AsyncGenerator<TrainingEvent, void, void> {
    const progress = this.#progress;
    if (!progress.trained && !(yield* this.#trainEpoch())) return yield* this.#interrupt();
    this.#requireUpdates();
    const began = performance.now();
    const judged = await this.#judge();
    if (!judged) return yield* this.#interrupt();
    const event = this.#epochEvent(judged, performance.now() - began);
    const { part, term } = this.#figure;
    const value = event[part]?.[term];
    if (value !== undefined) progress.judged.push(value);
    const isBest =
      part === "validation" && value !== undefined && isBetter(this.#figure, value, progress.best?.value);
    if (isBest) progress.best = { epoch: progress.epoch, value };
    const record = this.#record(event);
    const { epoch, nonFiniteBefore, nonFinite, best } = progress;
    this.#progress = {
      ...this.#start(),
      epoch: epoch + 1,
      nonFiniteBefore: nonFiniteBefore + nonFinite,
      best,
      judged: progress.judged,
    };
    this.#lastEpoch = event;
    await this.#requireFiniteWeights(epoch);
    // All is on the disk before it is told. A run that is killed in between has no record that is better than its best
    // checkpoint, and its last checkpoint says where to begin again.
    if (isBest && best) await this.#saveBest(best);
    await this.#run?.appendMetrics(record);
    await this.#save();
    yield event;
    if (!this.#run) return;
    if (isBest) yield { type: "checkpoint", path: this.#run.checkpoint("best"), reason: "best" };
    yield { type: "checkpoint", path: this.#run.checkpoint("last"), reason: "last" };
  }

  /** Trains what is left of an epoch. False where it was stopped before its end, after a whole update. */
  async *#trainEpoch(): AsyncGenerator<StepEvent | NoticeEvent, boolean, void> {
    const progress = this.#progress;
    const train = this.#train;
    using unread = new UnreadSteps();
    this.#maker.model.train();
    if (this.#options.unfreeze)
      applyUnfreezing(this.#maker.model, this.#options.unfreeze, progress.epoch - 1);
    train.epoch = progress.epoch - 1;
    const reader = new BatchReader(train, this.#stop);
    this.#spoiled = false;
    const started = performance.now() - progress.milliseconds;
    try {
      for (;;) {
        const asked = performance.now();
        const batch = await this.#nextBatch(reader);
        if (!batch || batch === "stopped") {
          yield* this.#readSteps(unread);
          progress.milliseconds = performance.now() - started;
          if (batch) return false;
          break;
        }
        const dataMs = performance.now() - asked;
        this.#setLearningRates(progress.batches);
        const handle = await this.#maker.step(batch, this.#accumulation(progress.batches));
        progress.batches += 1;
        progress.waited += dataMs;
        yield* this.#maker.notices();
        unread.add(this.#madeStep(batch, dataMs), handle);
        if (unread.count >= this.#metricsEvery) yield* this.#readSteps(unread);
      }
      await this.#finishUpdate();
      progress.trained = true;
      return true;
    } finally {
      await reader.close();
    }
  }

  /** Undefined after the last. */
  async #nextBatch(reader: BatchReader): Promise<Batch | "stopped" | undefined> {
    const mayStop = this.#mayStop();
    if (this.#stop.aborted && mayStop) return "stopped";
    try {
      return await reader.next(!mayStop);
    } catch (error) {
      if (!isAbort(error) || !this.#stop.aborted) throw error;
      if (mayStop) return "stopped";
      throw this.#interrupted("while the images of an update did not come", error);
    }
  }

  /** Whether the batches so far have made whole updates. */
  #mayStop(): boolean {
    return this.#progress.batches % this.#accumulate === 0;
  }

  /** Of the batch after `done` others; the last update of an epoch may have fewer. */
  #accumulation(done: number) {
    const position = done % this.#accumulate;
    return { position, accumulate: Math.min(this.#accumulate, this.#train.length - (done - position)) };
  }

  /** After fewer batches than there were to be, as images were skipped. */
  async #finishUpdate(): Promise<void> {
    const { batches } = this.#progress;
    const { position, accumulate } = this.#accumulation(batches);
    if (position === 0 || batches >= this.#train.length) return;
    await this.#maker.finishUpdate({ position, accumulate });
    this.#countUpdate();
  }

  #countUpdate(): void {
    this.#progress.updates += this.#spoiled ? 0 : 1;
    this.#spoiled = false;
  }

  /** Tells of the steps that were not read yet, and counts those whose loss is not finite. */
  async *#readSteps(unread: UnreadSteps): AsyncGenerator<StepEvent, void, void> {
    const progress = this.#progress;
    for (const { metrics, event, paths, endsUpdate } of await unread.read()) {
      const values = metricsOf(metrics, event.images, this.#maker.channels);
      if (Number.isFinite(metrics.loss)) progress.sum.add(metrics, event.images);
      else if (this.#options.onNan !== "skip") throw this.#nonFiniteLoss(values, paths, event.epoch);
      else {
        progress.nonFinite += 1;
        this.#spoiled = true;
      }
      if (endsUpdate) this.#countUpdate();
      yield { ...event, ...values };
    }
  }

  #madeStep(batch: Batch, dataMs: number): MadeStep {
    const { epoch, batches: done } = this.#progress;
    const batches = this.#train.length;
    const event = {
      type: "step",
      epoch,
      step: (epoch - 1) * batches + done,
      steps: this.#options.epochs * batches,
      images: batch.samples.length,
      learningRate: this.#maker.learningRate,
      dataSeconds: dataMs / 1000,
    } as const;
    const { position, accumulate } = this.#accumulation(done - 1);
    return { event, paths: batch.paths, endsUpdate: position + 1 === accumulate };
  }

  /** @param done batches of the epoch that came before */
  #setLearningRates(done: number): void {
    const { epoch, judged: metrics } = this.#progress;
    const { schedule, epochs } = this.#options;
    const stepsPerEpoch = this.#train.length;
    const position = { epoch: epoch - 1 + done / stepsPerEpoch, epochs, stepsPerEpoch, metrics };
    this.#maker.setLearningRates(factorAt(schedule, position));
  }

  /** Undefined where it was stopped meanwhile. */
  async #judge(): Promise<Pick<EpochEvent, "validation" | "channels"> | undefined> {
    const { validation, validateEvery = 1 } = this.#fit;
    const { epoch } = this.#progress;
    const isLast = epoch === this.#options.epochs;
    const { channelHealth = isLast && this.#maker.model.groups !== undefined } = this.#fit;
    if (!validation || !(isLast || epoch % validateEvery === 0)) return {};
    try {
      return await this.#validate(validation, channelHealth);
    } catch (error) {
      if (isAbort(error) && this.#stop.aborted) return undefined;
      throw error;
    }
  }

  async #validate(
    loader: DataLoader,
    channelHealth: boolean,
  ): Promise<{ validation: Evaluation } & Pick<EpochEvent, "channels">> {
    const signal = this.#stop;
    if (!channelHealth) return { validation: await this.#maker.evaluate(loader, { signal }) };
    using channels = tallyOf(this.#maker.model);
    const validation = await this.#maker.evaluate(loader, { channels, signal });
    return { validation, channels: (await channels.result()).overall };
  }

  #epochEvent(judged: Pick<EpochEvent, "validation" | "channels">, judgingMs: number): EpochEvent {
    const { epoch, sum, milliseconds, waited, nonFinite } = this.#progress;
    return {
      type: "epoch",
      epoch,
      epochs: this.#options.epochs,
      train: sum.mean(),
      imagesPerSecond: (1000 * sum.size) / milliseconds,
      dataShare: waited / milliseconds,
      seconds: (milliseconds + judgingMs) / 1000,
      skipped: this.#train.skipped.length,
      nonFinite,
      ...judged,
    };
  }

  #record({ type, validation, ...event }: EpochEvent): EpochRecord {
    const { epoch, batches } = this.#progress;
    return {
      time: new Date().toISOString(),
      step: (epoch - 1) * this.#train.length + batches,
      learningRate: this.#maker.learningRate,
      ...event,
      ...(validation ? { validation: summarize(validation) } : {}),
    };
  }

  async #saveBest(best: JudgedEpoch): Promise<void> {
    if (!this.#run) return;
    await saveBest(this.#run.checkpoint("best"), this.#maker.model, this.#maker.delivered(), best);
  }

  async #save(): Promise<void> {
    if (!this.#run) return;
    const { sum, ...progress } = this.#progress;
    const path = this.#run.checkpoint("last");
    const position = { ...progress, sums: sum.toJSON(), loader: this.#train.state() };
    await saveTraining(path, this.#maker.parts(), position);
    this.#lastCheckpoint = path;
  }

  /** Saves an epoch that was stopped, and ends the run where a signal stopped it. */
  async *#interrupt(): AsyncGenerator<TrainingEvent, void, void> {
    // Without a batch it is where the last checkpoint is, or where a run begins.
    if (this.#progress.batches > 0) {
      await this.#requireFiniteWeights(this.#progress.epoch);
      await this.#save();
      if (this.#run) yield { type: "checkpoint", path: this.#run.checkpoint("last"), reason: "interrupted" };
    }
    this.#throwIfAborted();
  }

  #throwIfAborted(): void {
    const { signal } = this.#fit;
    if (signal?.aborted) throw this.#interrupted("", signal.reason);
  }

  #interrupted(when: string, cause: unknown): McLossError {
    const saved = this.#lastCheckpoint ? `; the run can go on from ${this.#lastCheckpoint}` : "";
    const text = `interrupted in epoch ${this.#progress.epoch}${when === "" ? "" : ` ${when}`}${saved}`;
    return new McLossError("ERR_ABORTED", text, { cause });
  }

  /** @throws McLossError where an epoch has trained nothing */
  #requireUpdates(): void {
    const { epoch, batches, updates, nonFinite } = this.#progress;
    if (updates > 0) return;
    if (nonFinite > 0) {
      const text = `the loss was not finite in any update of epoch ${epoch} (${nonFinite} of ${batches} steps), so that nothing was trained; lower the learning rate.`;
      throw new McLossError("ERR_NAN_LOSS", text + this.#lastGood());
    }
    const { skipped } = this.#train;
    const [first] = skipped;
    const example = first ? `, such as ${first.path}: ${first.reason}` : "";
    const text =
      `epoch ${epoch} had no batch, so that nothing was trained: ${skipped.length} images could not be read${example}. ` +
      `Mend them, or make the batches smaller (batchSize) or keep those that are not full (dropLast)`;
    throw new McLossError("ERR_DATASET", text, first ? { path: first.path } : {});
  }

  async #requireFiniteWeights(epoch: number): Promise<void> {
    if (await native().isFinite(this.#maker.model.handle)) return;
    const text = `the weights became infinite or NaN in epoch ${epoch} and were not saved; lower the learning rate.`;
    throw new McLossError("ERR_NAN_LOSS", text + this.#lastGood());
  }

  #nonFiniteLoss(metrics: Metrics, paths: readonly string[], epoch: number): McLossError {
    const { loss, accuracy, ...measured } = metrics;
    const terms = Object.entries(measured).map(([name, value]) => `${TERM_NAMES[name] ?? name} ${value}`);
    const text =
      `the loss became ${loss} in epoch ${epoch} (${terms.join(", ")}); lower the learning rate, or look at the ` +
      `batch's files: ${paths.join(", ")}.${this.#lastGood()}`;
    return new McLossError("ERR_NAN_LOSS", text);
  }

  #lastGood(): string {
    return this.#lastCheckpoint ? ` The last good model is in ${this.#lastCheckpoint}.` : "";
  }
}

const TERM_NAMES: Readonly<Record<string, string>> = { crossEntropy: "cross-entropy", center: "center loss" };

function notice(reason: string): NoticeEvent {
  return { type: "notice", reason };
}

function isAbort(error: unknown): boolean {
  return error instanceof McLossError && error.code === "ERR_ABORTED";
}
