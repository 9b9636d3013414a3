import type { Batch } from "../loader/batch.js";
import type { DataLoader } from "../loader/data-loader.js";
import { factorsOf } from "../optim/schedule.js";
import { BatchMixer } from "./batch-mixer.js";
import { BatchReader } from "./batch-reader.js";
import type { NoticeEvent, StepEvent } from "./events.js";
import { metricsOf } from "./metrics.js";
import type { Mixing } from "./mixing/definition.js";
import type { Progress } from "./progress.js";
import { shareSteps } from "./share-steps.js";
import type { Accumulation, StepMaker } from "./step-maker.js";
import type { StopAgreement } from "./stop-agreement.js";
import type { CompleteTrainerOptions } from "./trainer-options.js";
import { interrupted, isAbort, nonFiniteLoss, tooFewBatches } from "./training-errors.js";
import { applyUnfreezing } from "./unfreeze.js";
import { UnreadSteps, type MadeStep } from "./unread-steps.js";

/** What an {@link EpochTrainer} trains with. */
export interface EpochTrainerParts {
  maker: StepMaker;
  options: CompleteTrainerOptions;
  train: DataLoader;
  /** Ends an epoch after a whole update. */
  agreement: StopAgreement;
  /** What the run can go on from, for messages. */
  lastCheckpoint: () => string | undefined;
}

/** Trains a run's epochs, each from where `progress` is. */
export class EpochTrainer {
  readonly #maker: StepMaker;
  readonly #options: CompleteTrainerOptions;
  readonly #train: DataLoader;
  readonly #agreement: StopAgreement;
  readonly #stop: AbortSignal;
  readonly #lastCheckpoint: () => string | undefined;
  readonly #accumulate: number;
  readonly #metricsEvery: number;
  /** Of the learning rate, by the position in the run. */
  readonly #factorAt: ReturnType<typeof factorsOf>;
  readonly #mixer: BatchMixer | undefined;
  /** Whether a loss of the update under way was not finite. */
  #spoiled = false;

  constructor({ maker, options, train, agreement, lastCheckpoint }: EpochTrainerParts) {
    this.#maker = maker;
    this.#options = options;
    this.#train = train;
    this.#agreement = agreement;
    this.#stop = agreement.signal;
    this.#lastCheckpoint = lastCheckpoint;
    this.#accumulate = options.accumulate;
    this.#mixer = options.mix && new BatchMixer(options.mix, options.seed);
    this.#factorAt = factorsOf(options.schedule);
    this.#metricsEvery = options.metricsEvery ?? (maker.model.device === "cpu" ? 1 : 10);
  }

  /** Trains what is left of an epoch. False where it was stopped before its end, after a whole update. */
  async *train(progress: Progress): AsyncGenerator<StepEvent | NoticeEvent, boolean, void> {
    using unread = new UnreadSteps();
    this.#begin(progress.epoch);
    const reader = new BatchReader(this.#train, this.#options.seed, this.#stop);
    const started = performance.now() - progress.milliseconds;
    try {
      for (;;) {
        const asked = performance.now();
        const batch = await this.#nextBatch(reader, progress);
        if (!batch || batch === "stopped") {
          yield* this.#readSteps(unread, progress);
          progress.milliseconds = performance.now() - started;
          if (batch) return false;
          break;
        }
        const dataMs = performance.now() - asked;
        this.applySchedules(progress, progress.batches);
        const mixing = this.#mixingOf(batch, progress);
        const handle = await this.#maker.step(batch, this.#accumulation(progress.batches), mixing);
        progress.batches += 1;
        progress.waited += dataMs;
        await this.#checkReplicas(progress);
        yield* this.#maker.notices();
        unread.add(this.#madeStep(batch, dataMs, progress), handle);
        if (unread.count >= this.#metricsEvery) yield* this.#readSteps(unread, progress);
      }
      await this.#finishUpdate(progress);
      progress.trained = true;
      return true;
    } finally {
      await reader.close();
    }
  }

  /** @param done batches of the epoch that came before */
  applySchedules({ epoch, judged: metrics }: Progress, done: number): void {
    const { epochs } = this.#options;
    const stepsPerEpoch = this.#train.length;
    const position = { epoch: epoch - 1 + done / stepsPerEpoch, epochs, stepsPerEpoch, metrics };
    this.#maker.setLearningRates(this.#factorAt(position));
    this.#maker.setEpochs(epoch - 1 + (done + 1) / stepsPerEpoch);
  }

  #begin(epoch: number): void {
    const { unfreeze } = this.#options;
    this.#maker.model.train();
    if (unfreeze) applyUnfreezing(this.#maker.model, unfreeze, epoch - 1);
    this.#train.epoch = epoch - 1;
    this.#spoiled = false;
  }

  /** Undefined after the last. */
  async #nextBatch(reader: BatchReader, progress: Progress): Promise<Batch | "stopped" | undefined> {
    // Only where the batches so far have made whole updates.
    const mayStop = progress.batches % this.#accumulate === 0;
    if (this.#stop.aborted && mayStop) return "stopped";
    try {
      return await reader.next(!mayStop);
    } catch (error) {
      if (!isAbort(error) || !this.#stop.aborted) throw error;
      if (mayStop) return "stopped";
      const when = "while the images of an update did not come";
      throw interrupted(progress, when, this.#lastCheckpoint(), error);
    }
  }

  #mixingOf({ images }: Batch, { epoch, batches }: Progress): Mixing | undefined {
    const [height = 0, width = 0] = images.shape.slice(2);
    return this.#mixer?.draw(epoch, batches, { height, width });
  }

  /** Of the batch after `done` others; the last update of an epoch may have fewer. */
  #accumulation(done: number): Accumulation {
    const position = done % this.#accumulate;
    return { position, accumulate: Math.min(this.#accumulate, this.#train.length - (done - position)) };
  }

  /** After fewer batches than there were to be, as images were skipped. */
  async #finishUpdate(progress: Progress): Promise<void> {
    const { batches } = progress;
    const { position, accumulate } = this.#accumulation(batches);
    if (batches < this.#train.length && this.#maker.parallel) throw tooFewBatches(progress, this.#train);
    if (position === 0 || batches >= this.#train.length) return;
    await this.#maker.finishUpdate({ position, accumulate });
    this.#countUpdate(progress);
  }

  #countUpdate(progress: Progress): void {
    progress.updates += this.#spoiled ? 0 : 1;
    this.#spoiled = false;
  }

  /** Tells of the steps that were not read yet, and counts those whose loss is not finite. */
  async *#readSteps(unread: UnreadSteps, progress: Progress): AsyncGenerator<StepEvent, void, void> {
    const { parallel } = this.#maker;
    const own = await unread.read();
    const steps = parallel ? await shareSteps(parallel.group, own, this.#agreement) : own;
    for (const { metrics, event, paths, endsUpdate, nonFiniteRanks } of steps) {
      const values = metricsOf(metrics, event.images, this.#maker.channels);
      if (Number.isFinite(metrics.loss)) progress.sum.add(metrics, event.images);
      else if (this.#options.onNan === "skip") {
        progress.nonFinite += 1;
        this.#spoiled = true;
      } else {
        const files = { paths, rank: parallel?.group.rank, ranks: nonFiniteRanks };
        throw nonFiniteLoss(values, event.epoch, files, this.#lastCheckpoint());
      }
      if (endsUpdate) this.#countUpdate(progress);
      yield { ...event, ...values };
    }
  }

  /** Where that is asked for, after an update. */
  async #checkReplicas({ batches, epoch }: Progress): Promise<void> {
    const { parallel } = this.#maker;
    const { position, accumulate } = this.#accumulation(batches - 1);
    if (!parallel || !this.#options.checkReplicas || position + 1 < accumulate) return;
    await parallel.check(this.#maker.changing(), `after step ${batches} of epoch ${epoch}`);
  }

  #madeStep(batch: Batch, dataMs: number, { epoch, batches: done }: Progress): MadeStep {
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
}
