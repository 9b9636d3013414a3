import type { DataLoader } from "../loader/data-loader.js";
import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { BestWeights } from "./best-weights.js";
import { isPatienceOver } from "./early-stopping.js";
import { EpochTrainer } from "./epoch-trainer.js";
import { tallyOf } from "./evaluate-channels.js";
import { summarize, type Evaluation } from "./evaluate.js";
import type { EpochEvent, EpochRecord, TrainingEvent } from "./events.js";
import { figureIn, isBetter, monitoredFigure, type Figure } from "./monitor.js";
import { afterEpoch, beginning, type Progress } from "./progress.js";
import { RunRecord } from "./run-record.js";
import type { JudgedEpoch } from "../run/best-checkpoint.js";
import type { TrainingResult } from "./run.js";
import { requireSameTraining } from "./same-training.js";
import type { StepMaker } from "./step-maker.js";
import { StopAgreement } from "./stop-agreement.js";
import type { CompleteTrainerOptions, FitOptions } from "./trainer-options.js";
import { interrupted, isAbort, nonFiniteWeights, nothingTrained } from "./training-errors.js";

/** What was measured of an epoch on the held-out images. */
type Judged = Pick<EpochEvent, "validation" | "channels" | "stoppedEarly">;

/** One run of a trainer: its epochs, each trained, judged, kept and told. */
export class Training {
  readonly #maker: StepMaker;
  readonly #options: CompleteTrainerOptions;
  readonly #train: DataLoader;
  readonly #fit: FitOptions;
  /** Of stop(), and of the caller's signal. */
  readonly #agreement: StopAgreement;
  readonly #figure: Figure;
  readonly #bestWeights = new BestWeights();
  #record!: RunRecord;
  #progress: Progress;
  #lastEpoch: EpochEvent | undefined;
  /** Whether early stopping has ended the run. */
  #stoppedEarly = false;

  /** @throws McLossError ERR_ARGUMENT for a monitored figure that there will not be */
  constructor(
    maker: StepMaker,
    options: CompleteTrainerOptions,
    train: DataLoader,
    fit: FitOptions,
    stop: AbortSignal,
  ) {
    this.#maker = maker;
    this.#options = options;
    this.#train = train;
    this.#fit = fit;
    this.#agreement = new StopAgreement(maker.parallel?.group, stop, fit.signal);
    this.#figure = monitoredFigure(options.monitor, fit.validation !== undefined);
    this.#progress = beginning(maker.channels);
  }

  async *run(): AsyncGenerator<TrainingEvent, TrainingResult, void> {
    const data = { train: this.#train, validation: this.#fit.validation };
    await requireSameTraining(this.#maker.model, data, this.#options);
    this.#record = await RunRecord.open(this.#maker, this.#options, data);
    try {
      const trainer = this.#epochTrainer();
      this.#progress = yield* this.#record.begin(this.#fit.resume ?? false);
      // For the record of an epoch of which no step is left.
      if (this.#progress.batches > 0) trainer.applySchedules(this.#progress, this.#progress.batches - 1);
      yield* this.#maker.notices();
      await this.#agreement.agree();
      this.#stoppedEarly = !this.#isDone && this.#isPatienceOver(this.#progress.judged);
      while (!this.#isOver && !this.#isStopped) yield* this.#epoch(trainer);
      await this.#deliver();
      if (!this.#isOver) this.#throwIfAborted();
      return this.#result();
    } catch (error) {
      throw await this.#lettingGo(error);
    } finally {
      this.#bestWeights.dispose();
      await this.#record.close();
    }
  }

  /** Lets go of the other processes, which would wait for this one, unless all of them end with the same error. */
  async #lettingGo(error: unknown): Promise<unknown> {
    const { parallel } = this.#maker;
    const isShared =
      error instanceof McLossError && (error.code === "ERR_ABORTED" || error.code === "ERR_NAN_LOSS");
    return parallel && !isShared ? await parallel.group.fail(error) : error;
  }

  get #isStopped(): boolean {
    return this.#agreement.signal.aborted;
  }

  /** Whether all epochs are done. */
  get #isDone(): boolean {
    return this.#progress.epoch > this.#options.epochs;
  }

  /** Whether the run has come to its own end. */
  get #isOver(): boolean {
    return this.#isDone || this.#stoppedEarly;
  }

  #isPatienceOver(judged: readonly number[]): boolean {
    return isPatienceOver(this.#figure, judged, this.#options.earlyStopping);
  }

  /** Gives the model what the run delivers. */
  async #deliver(): Promise<void> {
    const { model, parallel } = this.#maker;
    const { epoch, best } = this.#progress;
    const isOther = best !== null && best.epoch !== epoch - 1;
    if (!this.#options.earlyStopping || !isOther || !this.#isOver) return this.#maker.deliver();
    if (!this.#record.isKept) return this.#bestWeights.deliver(model);
    const { files } = this.#record;
    if (files) await model.load(files.best);
    await parallel?.broadcast(model.state().map(({ name, tensor }) => [name, tensor] as const));
  }

  #epochTrainer(): EpochTrainer {
    return new EpochTrainer({
      maker: this.#maker,
      options: this.#options,
      train: this.#train,
      agreement: this.#agreement,
      lastCheckpoint: () => this.#record.lastCheckpoint,
    });
  }

  #result(): TrainingResult {
    const { epoch, best, nonFinite, nonFiniteBefore } = this.#progress;
    const last = this.#lastEpoch;
    const checkpoint = best ? this.#record.files?.best : this.#record.lastCheckpoint;
    return {
      epochs: epoch - 1,
      last,
      best: best ? { ...best, ...this.#figure } : undefined,
      stopped: !this.#isOver,
      stoppedEarly: this.#stoppedEarly,
      nonFinite: nonFiniteBefore + nonFinite,
      checkpoint,
    };
  }

  async *#epoch(trainer: EpochTrainer): AsyncGenerator<TrainingEvent, void, void> {
    const progress = this.#progress;
    if (!progress.trained && !(yield* trainer.train(progress))) return yield* this.#interrupt();
    if (progress.updates === 0) {
      throw nothingTrained(progress, this.#train.skipped, this.#record.lastCheckpoint);
    }
    const began = performance.now();
    const judged = await this.#judgeEpoch();
    if (!judged) return yield* this.#interrupt();
    const skipped = await this.#countSkipped();
    const event = this.#epochEvent(judged, skipped, performance.now() - began);
    const isBest = this.#noteFigure(event);
    const record = this.#recordOf(event);
    const next = afterEpoch(progress, this.#maker.channels);
    await this.#requireFiniteWeights(progress.epoch);
    // All is on the disk before it is told. A run that is killed in between has no record that is better than its best
    // checkpoint, and its last checkpoint says where to begin again.
    if (isBest && progress.best) await this.#keepBest(progress.best);
    await this.#record.append(record);
    await this.#record.saveLast(next);
    this.#progress = next;
    this.#lastEpoch = event;
    this.#stoppedEarly = event.stoppedEarly ?? false;
    yield event;
    const { files } = this.#record;
    if (files && isBest) yield { type: "checkpoint", path: files.best, reason: "best" };
    if (files) yield { type: "checkpoint", path: files.last, reason: "last" };
    if (this.#stoppedEarly) yield { type: "notice", reason: this.#reasonOfEnd(next) };
  }

  async #keepBest(best: JudgedEpoch): Promise<void> {
    if (this.#options.earlyStopping && !this.#record.isKept) this.#bestWeights.take(this.#maker.delivered());
    await this.#record.saveBest(best);
  }

  #reasonOfEnd({ best }: Progress): string {
    const { monitor, earlyStopping: { patience = 0, minDelta = 0 } = {} } = this.#options;
    const gain = minDelta > 0 ? `no gain of more than ${minDelta}` : "no gain";
    const kept = best ? `; epoch ${best.epoch} was the best` : "";
    return `the training has ended early: ${gain} in ${monitor} for ${patience} epochs${kept}`;
  }

  /** Whether the monitored figure is the best so far. */
  #noteFigure(event: EpochEvent): boolean {
    const progress = this.#progress;
    const { part } = this.#figure;
    const value = figureIn(event, this.#figure);
    if (value === undefined) return false;
    progress.judged.push(value);
    if (part !== "validation" || !isBetter(this.#figure, value, progress.best?.value)) return false;
    progress.best = { epoch: progress.epoch, value };
    return true;
  }

  /** What the epoch came to, and whether it is the last; undefined where it was stopped meanwhile. */
  async #judgeEpoch(): Promise<Judged | undefined> {
    const isLast = this.#progress.epoch === this.#options.epochs;
    const judged = await this.#judge(isLast);
    if (isLast || !judged || !(await this.#stopsEarly(judged))) return judged;
    const whole = await this.#judge(true, judged);
    return whole && { ...whole, stoppedEarly: true };
  }

  /** All processes end after the same epoch. */
  async #stopsEarly({ validation }: Judged): Promise<boolean> {
    if (!this.#options.earlyStopping) return false;
    const { judged, sum } = this.#progress;
    const value = figureIn({ train: sum.mean(), validation }, this.#figure);
    const stops = value !== undefined && this.#isPatienceOver([...judged, value]);
    return (await this.#maker.parallel?.fromFirst(() => Promise.resolve(stops))) ?? stops;
  }

  /**
   * Undefined where it was stopped meanwhile.
   * @param isLast whether it is the run's last epoch
   * @param known what was measured of it already
   */
  async #judge(isLast: boolean, known: Judged = {}): Promise<Judged | undefined> {
    const { validation, validateEvery = 1 } = this.#fit;
    const { epoch } = this.#progress;
    const { channelHealth = isLast && this.#maker.model.groups !== undefined } = this.#fit;
    if (!validation || !(isLast || epoch % validateEvery === 0)) return known;
    if (known.validation && (known.channels || !channelHealth)) return known;
    try {
      return await this.#validate(validation, channelHealth);
    } catch (error) {
      if (isAbort(error) && this.#isStopped) return undefined;
      throw error;
    }
  }

  async #validate(
    loader: DataLoader,
    channelHealth: boolean,
  ): Promise<{ validation: Evaluation } & Pick<EpochEvent, "channels">> {
    const { precision } = this.#options;
    const options = { signal: this.#agreement.signal, agreement: this.#agreement, precision };
    if (!channelHealth) return { validation: await this.#maker.evaluate(loader, options) };
    using channels = tallyOf(this.#maker.model);
    const validation = await this.#maker.evaluate(loader, { ...options, channels });
    return { validation, channels: (await channels.result()).overall };
  }

  /** Images that could not be read so far, in any process. */
  async #countSkipped(): Promise<number> {
    const { skipped } = this.#train;
    const { parallel } = this.#maker;
    if (!parallel) return skipped.length;
    return new Set((await parallel.gather(skipped.map(({ index }) => index))).flat()).size;
  }

  #epochEvent(judged: Judged, skipped: number, judgingMs: number): EpochEvent {
    const { epoch, sum, milliseconds, waited, nonFinite } = this.#progress;
    return {
      type: "epoch",
      epoch,
      epochs: this.#options.epochs,
      train: sum.mean(),
      imagesPerSecond: (1000 * sum.size) / milliseconds,
      dataShare: waited / milliseconds,
      seconds: (milliseconds + judgingMs) / 1000,
      skipped,
      nonFinite,
      ...judged,
    };
  }

  #recordOf({ type, validation, ...event }: EpochEvent): EpochRecord {
    const { epoch, batches } = this.#progress;
    return {
      time: new Date().toISOString(),
      step: (epoch - 1) * this.#train.length + batches,
      learningRate: this.#maker.learningRate,
      ...event,
      validation: validation && summarize(validation),
    };
  }

  /** Saves an epoch that was stopped, and ends the run where a signal stopped it. */
  async *#interrupt(): AsyncGenerator<TrainingEvent, void, void> {
    const progress = this.#progress;
    // Without a batch it is where the last checkpoint is, or where a run begins.
    if (progress.batches > 0) {
      await this.#requireFiniteWeights(progress.epoch);
      await this.#record.saveLast(progress);
      const { files } = this.#record;
      if (files) yield { type: "checkpoint", path: files.last, reason: "interrupted" };
    }
  }

  #throwIfAborted(): void {
    if (!this.#agreement.byCaller) return;
    throw interrupted(this.#progress, "", this.#record.lastCheckpoint, this.#agreement.reason);
  }

  async #requireFiniteWeights(epoch: number): Promise<void> {
    if (await native().isFinite(this.#maker.model.handle)) return;
    throw nonFiniteWeights(epoch, this.#record.lastCheckpoint);
  }
}
