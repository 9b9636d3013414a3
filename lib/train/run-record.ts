import { existsSync } from "node:fs";
import { invalidArgument, McLossError } from "../errors.js";
import { readBest, saveBest, type JudgedEpoch } from "../run/best-checkpoint.js";
import { loadLast, saveLast } from "../run/last-checkpoint.js";
import { asRecorded, resumableChanges, resumedInfo } from "../run/option-changes.js";
import { RunFolder } from "../run/run-folder.js";
import { readRunInfo, type RunInfo } from "../run/run-info.js";
import { describeRun, type RunData } from "./describe-run.js";
import type { EpochRecord, NoticeEvent } from "./events.js";
import { MetricsSum } from "./metrics.js";
import { beginning, type Progress } from "./progress.js";
import type { StepMaker } from "./step-maker.js";
import { completeRecordedOptions, type CompleteTrainerOptions } from "./trainer-options.js";

/** Keeps a run in its folder, as far as it has one: how it begins or goes on there, and what of it is durable. */
export class RunRecord {
  readonly #folder: RunFolder | undefined;
  readonly #maker: StepMaker;
  readonly #options: CompleteTrainerOptions;
  readonly #data: RunData;
  #lastCheckpoint: string | undefined;

  private constructor(
    folder: RunFolder | undefined,
    maker: StepMaker,
    options: CompleteTrainerOptions,
    data: RunData,
  ) {
    this.#folder = folder;
    this.#maker = maker;
    this.#options = options;
    this.#data = data;
  }

  /** @throws McLossError ERR_IO when the folder cannot be written, or another process has it */
  static async open(maker: StepMaker, options: CompleteTrainerOptions, data: RunData): Promise<RunRecord> {
    const { output } = options;
    const folder = output === undefined ? undefined : await RunFolder.open(output);
    return new RunRecord(folder, maker, options, data);
  }

  /** Lets others have the folder. */
  async close(): Promise<void> {
    await this.#folder?.close();
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
    const folder = this.#folder;
    const start = beginning(this.#maker.channels);
    if (!folder) return start;
    const info = describeRun(this.#maker.model, this.#data, this.#options);
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
    yield* keepMetrics(folder, progress.epoch);
    yield* this.#repairBest(folder, progress);
    return progress;
  }

  async #loadLast(folder: RunFolder): Promise<Progress> {
    const { last } = folder.files;
    const { sums, loader, ...position } = await loadLast(last, this.#maker.parts());
    if (this.#options.epochs < position.epoch - 1) {
      const done = position.epoch - 1;
      throw invalidArgument("epochs", `must be at least ${done}, as that many are done`);
    }
    this.#data.train.restore(loader);
    this.#lastCheckpoint = last;
    return { ...position, sum: MetricsSum.from(sums, this.#maker.channels) };
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
    await this.#folder?.appendMetrics(record);
  }

  /** Writes the best checkpoint: what is delivered now. */
  async saveBest(judged: JudgedEpoch): Promise<void> {
    if (!this.#folder) return;
    await saveBest(this.#folder.files.best, this.#maker.model, this.#maker.delivered(), judged);
  }

  /** Writes the last checkpoint, which the run can go on from. */
  async saveLast({ sum, ...progress }: Progress): Promise<void> {
    if (!this.#folder) return;
    const { last } = this.#folder.files;
    const position = { ...progress, sums: sum.toJSON(), loader: this.#data.train.state() };
    await saveLast(last, this.#maker.parts(), position);
    this.#lastCheckpoint = last;
  }
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
