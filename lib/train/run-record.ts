import { existsSync } from "node:fs";
import { invalidArgument, McLossError } from "../errors.js";
import { readBest, saveBest, type JudgedEpoch } from "../run/best-checkpoint.js";
import {
  changingTensors,
  loadLast,
  readPosition,
  saveLast,
  writePosition,
  type TrainingPosition,
} from "../run/last-checkpoint.js";
import type { GradScalerState } from "../optim/grad-scaler.js";
import { asRecorded, resumableChanges, resumedInfo } from "../run/option-changes.js";
import { RunFolder } from "../run/run-folder.js";
import { generatorStates, restoreGenerators, type GeneratorStates } from "../run/run-generators.js";
import { readRunInfo, type RunInfo } from "../run/run-info.js";
import { describeRun, type RunData } from "./describe-run.js";
import type { EpochRecord, NoticeEvent } from "./events.js";
import { MetricsSum } from "./metrics.js";
import { beginning, type Progress } from "./progress.js";
import type { DataParallel } from "./data-parallel.js";
import { drawAnew, gatherStates, shareOfLoader, wholeLoader } from "./rank-states.js";
import type { StepMaker } from "./step-maker.js";
import { completeRecordedOptions, type CompleteTrainerOptions } from "./trainer-options.js";

/** What a process takes up that goes on with a run. */
interface Resumed {
  position: TrainingPosition;
  /** Of each process that the run had, by rank. */
  generators: GeneratorStates[];
}

/** What rank 0 tells the other processes of how a run begins. */
interface Beginning {
  notices: NoticeEvent[];
  lastCheckpoint: string | null;
  /** See {@link writePosition}; null for a run that begins. */
  position: string | null;
  generators: GeneratorStates[];
  scaler: GradScalerState | null;
}

/**
 * Keeps a run in its folder, as far as it has one: how it begins or goes on there, and what of it is durable. Of several
 * processes rank 0 alone has the folder; the others call the same and wait for it.
 */
export class RunRecord {
  readonly #folder: RunFolder | undefined;
  /** Whether some process has the folder. */
  readonly #kept: boolean;
  readonly #maker: StepMaker;
  readonly #options: CompleteTrainerOptions;
  readonly #data: RunData;
  #resumed: Resumed | undefined;
  #lastCheckpoint: string | undefined;

  private constructor(
    folder: RunFolder | undefined,
    kept: boolean,
    maker: StepMaker,
    options: CompleteTrainerOptions,
    data: RunData,
  ) {
    this.#folder = folder;
    this.#kept = kept;
    this.#maker = maker;
    this.#options = options;
    this.#data = data;
  }

  /** @throws McLossError ERR_IO when the folder cannot be written, or another process has it */
  static async open(maker: StepMaker, options: CompleteTrainerOptions, data: RunData): Promise<RunRecord> {
    const { output } = options;
    let folder: RunFolder | undefined;
    const open = async () => {
      folder = output === undefined ? undefined : await RunFolder.open(output);
      return folder !== undefined;
    };
    const kept = await (maker.parallel?.fromFirst(open) ?? open());
    return new RunRecord(folder, kept, maker, options, data);
  }

  /** Lets others have the folder. */
  async close(): Promise<void> {
    await this.#folder?.close();
  }

  /** Whether the run is written, by some process. */
  get isKept(): boolean {
    return this.#kept;
  }

  /** The paths of its files; undefined where nothing is written. */
  get files(): RunFolder["files"] | undefined {
    return this.#folder?.files;
  }

  /** What the run can go on from. */
  get lastCheckpoint(): string | undefined {
    return this.#lastCheckpoint;
  }

  /** Readies the folder. Gives where the run begins. */
  async *begin(resume: boolean): AsyncGenerator<NoticeEvent, Progress, void> {
    const { parallel } = this.#maker;
    if (parallel) return yield* this.#beginTogether(parallel, resume);
    const progress = yield* this.#beginHere(resume);
    if (this.#resumed) this.#data.train.restore(this.#resumed.position.loader);
    return progress;
  }

  /** As rank 0 does, whose state all take. */
  async *#beginTogether(
    parallel: DataParallel,
    resume: boolean,
  ): AsyncGenerator<NoticeEvent, Progress, void> {
    let own: Progress | undefined;
    const { notices, lastCheckpoint, position, generators, scaler } = await parallel.fromFirst(async () => {
      const notices: NoticeEvent[] = [];
      const events = this.#beginHere(resume);
      let event = await events.next();
      for (; !event.done; event = await events.next()) notices.push(event.value);
      own = event.value;
      return this.#tell(notices, own);
    });
    yield* notices;
    const parts = this.#maker.parts();
    await parallel.broadcast(changingTensors(parts));
    if (scaler) parts.scaler?.restore(scaler);
    this.#lastCheckpoint = lastCheckpoint ?? undefined;
    if (position === null) return own ?? beginning(this.#maker.channels);
    const whole = readPosition(position);
    this.#takePart(parallel, { position: whole, generators });
    return own ?? progressOf(whole, this.#maker.channels);
  }

  #tell(notices: NoticeEvent[], progress: Progress): Beginning {
    const resumed = this.#resumed;
    const { sum, ...now } = progress;
    return {
      notices,
      lastCheckpoint: this.#lastCheckpoint ?? null,
      position: resumed ? writePosition({ ...resumed.position, ...now, sums: sum.toJSON() }) : null,
      generators: resumed?.generators ?? [],
      scaler: this.#maker.parts().scaler?.state() ?? null,
    };
  }

  /** Goes on with a process's own part of what the processes of a run had. */
  #takePart({ group: { rank, worldSize } }: DataParallel, { position, generators }: Resumed): void {
    const { loader, loaders, epoch, batches } = position;
    const parts = this.#maker.parts();
    if (loaders?.length === worldSize) {
      this.#data.train.restore(loaders[rank] ?? loader);
      restoreGenerators(parts, generators[rank] ?? {});
      return;
    }
    this.#data.train.restore(shareOfLoader(loader, rank, worldSize));
    const [first = {}] = generators;
    const { ownMasks } = this.#maker;
    if (rank > 0) drawAnew(parts, first, { seed: this.#options.seed, rank, epoch, batches, ownMasks });
  }

  /** As one process, or as rank 0. */
  async *#beginHere(resume: boolean): AsyncGenerator<NoticeEvent, Progress, void> {
    const folder = this.#folder;
    const start = beginning(this.#maker.channels);
    if (!folder) return start;
    const info = describeRun(this.#maker, this.#data, this.#options);
    if (resume) return yield* this.#resume(folder, info, start);
    await folder.clear(this.#options.overwrite ?? false);
    await folder.writeInfo(info);
    return start;
  }

  async *#resume(
    folder: RunFolder,
    info: RunInfo,
    start: Progress,
  ): AsyncGenerator<NoticeEvent, Progress, void> {
    const before = await readRunInfo(folder.path);
    const now = asRecorded(info);
    const changes = [
      ...resumableChanges(folder.path, completeRecordedOptions(before.options), now.options),
      ...(before.loaders ? resumableChanges(folder.path, before.loaders, now.loaders ?? {}) : []),
      ...resumableChanges(folder.path, countsOf(before), countsOf(now)),
    ];
    const began = existsSync(folder.files.last);
    const progress = began ? await this.#loadLast(folder) : start;
    if (!began) {
      await requireFirstEpoch(folder);
      await folder.clear(true);
    }
    const resumed = resumedInfo(before, info, changes, progress.epoch);
    if (resumed) await folder.writeInfo(resumed);
    if (!began) {
      yield notice("the run was ended before its first checkpoint: it begins anew");
      return progress;
    }
    yield* this.#otherProcesses();
    yield* keepMetrics(folder, progress.epoch);
    yield* this.#repairBest(folder, progress);
    return progress;
  }

  async #loadLast(folder: RunFolder): Promise<Progress> {
    const { last } = folder.files;
    const parts = this.#maker.parts();
    const { position, others } = await loadLast(last, parts);
    if (this.#options.epochs < position.epoch - 1) {
      const done = position.epoch - 1;
      throw invalidArgument("epochs", `must be at least ${done}, as that many are done`);
    }
    this.#resumed = { position, generators: [await generatorStates(parts), ...others] };
    this.#lastCheckpoint = last;
    return progressOf(position, this.#maker.channels);
  }

  *#otherProcesses(): Generator<NoticeEvent, void, void> {
    const before = this.#resumed?.position.loaders?.length ?? 1;
    const now = this.#maker.parallel?.group.worldSize ?? 1;
    if (before === now) return;
    yield notice(
      `the run was trained by ${before} process${before > 1 ? "es" : ""} and goes on with ${now}: from here on its weights are ` +
        "not exactly those that it would have had",
    );
  }

  /** Sees to it that the best checkpoint is that of the best epoch. */
  async *#repairBest(folder: RunFolder, progress: Progress): AsyncGenerator<NoticeEvent, void, void> {
    const { epoch, batches, trained, best } = progress;
    const path = folder.files.best;
    const found = await readBest(path);
    if (found && (found.epoch >= epoch || found.epoch === best?.epoch)) {
      // Of an epoch that was killed before its last checkpoint and is made again: it stays the best that there was.
      progress.best = found;
      return;
    }
    if (!best) return;
    if (best.epoch === epoch - 1 && batches === 0 && !trained) {
      await this.saveBest(best);
      return yield notice(
        `the best checkpoint was missing or stale: epoch ${best.epoch}'s was written again`,
      );
    }
    progress.best = found ?? null;
    const rest = found
      ? `that of epoch ${found.epoch} is there`
      : "the best epoch from now on takes its place";
    yield notice(
      `the checkpoint of the best epoch, ${best.epoch}, is missing or damaged: bring ${path} back from a copy; ${rest}`,
    );
  }

  /** Adds an epoch's line to the metrics. */
  async append(record: EpochRecord): Promise<void> {
    await this.#write((folder) => folder.appendMetrics(record));
  }

  /** Writes the best checkpoint: what is delivered now. */
  async saveBest(judged: JudgedEpoch): Promise<void> {
    await this.#write(({ files }) =>
      saveBest(files.best, this.#maker.model, this.#maker.delivered(), judged),
    );
  }

  /** Writes the last checkpoint, which the run can go on from. */
  async saveLast({ sum, ...progress }: Progress): Promise<void> {
    if (!this.#kept) return;
    const { parallel } = this.#maker;
    const { train } = this.#data;
    const parts = this.#maker.parts();
    const ranks = parallel && (await gatherStates(parallel, parts, train));
    const loader = ranks ? wholeLoader(ranks.loaders) : train.state();
    const position = { ...progress, sums: sum.toJSON(), loader, loaders: ranks?.loaders };
    await this.#write(({ files }) => saveLast(files.last, parts, position, ranks?.generators.slice(1)));
    this.#lastCheckpoint = this.files?.last ?? this.#lastCheckpoint;
  }

  /** Does what one process does alone, for which the others wait. */
  async #write(work: (folder: RunFolder) => Promise<void>): Promise<void> {
    if (!this.#kept) return;
    const write = async () => {
      if (this.#folder) await work(this.#folder);
    };
    await (this.#maker.parallel?.fromFirst(write) ?? write());
  }
}

function countsOf({ classCounts }: RunInfo): object {
  return classCounts ? { classCounts } : {};
}

function progressOf({ sums, loader, loaders, ...position }: TrainingPosition, channels: boolean): Progress {
  return { ...position, sum: MetricsSum.from(sums, channels) };
}

async function* keepMetrics(folder: RunFolder, epoch: number): AsyncGenerator<NoticeEvent, void, void> {
  const lost = await folder.keepMetrics(epoch);
  if (lost.length === 0) return;
  const epochs = `epoch${lost.length > 1 ? "s" : ""} ${lost.join(", ")}`;
  const advice = "Training goes on; for the figures, bring the file back from a copy once it has ended";
  yield notice(`metrics.jsonl has no record of ${epochs} any more. ${advice}`);
}

/** @throws McLossError ERR_CHECKPOINT where there was a last checkpoint, which is missing now */
async function requireFirstEpoch(folder: RunFolder): Promise<void> {
  const { best, last: path } = folder.files;
  const judged = await readBest(best);
  if ((await folder.countMetrics()) <= 1 && (judged?.epoch ?? 1) <= 1) return;
  const text = `cannot go on from ${folder.path}: ${path} is missing. Bring it back from a copy, or start a new run`;
  throw new McLossError("ERR_CHECKPOINT", text, { path });
}

function notice(reason: string): NoticeEvent {
  return { type: "notice", reason };
}
