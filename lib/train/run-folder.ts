import { checkInstance, checkPlace } from "../check-argument.js";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { McLossError } from "../errors.js";
import { FileLock } from "../io/file-lock.js";
import { named, replaceText } from "../io/replace-file.js";
import { retryShortage } from "../io/retry-shortage.js";
import { runFiles } from "../io/run-files.js";
import { recordJson } from "../record-json.js";
import { removeTemporaries } from "../io/temporary-file.js";
import { reasonOf } from "../system-error.js";
import type { EvaluationSummary } from "./evaluate.js";
import type { EpochEvent } from "./events.js";

/** One line of `metrics.jsonl`: an epoch, without what grows with the square of the classes. */
export interface EpochRecord extends Omit<EpochEvent, "type" | "validation"> {
  /** When it ended, ISO 8601. */
  time: string;
  /** Steps done, of the whole run. */
  step: number;
  /** The first parameter group's, in the epoch's last step. */
  learningRate: number;
  validation?: EvaluationSummary;
}

/**
 * The folder of one run: `run.json` (what was asked for, and by which versions), `metrics.jsonl` (a line an epoch) and
 * `checkpoints/{last,best}.safetensors`. One process at a time has it.
 */
export class RunFolder {
  readonly path: string;
  readonly #lock: FileLock;

  private constructor(path: string, lock: FileLock) {
    checkInstance("lock", lock, FileLock, "what open() gives: call RunFolder.open()");
    this.path = path;
    this.#lock = lock;
  }

  /** @throws McLossError ERR_IO when it cannot be made or written, or another process has it */
  static async open(path: string): Promise<RunFolder> {
    checkPlace("path", path);
    const lock = await makeAndLock(path).catch((cause: unknown) => {
      const text = `cannot write to the output folder ${path} (${reasonOf(cause)}): choose another, or change its permissions`;
      throw new McLossError("ERR_IO", text, { path, argument: "output", cause });
    });
    if (lock) {
      await named(path, removeTemporaries(path, runFiles(path).checkpoints));
      return new RunFolder(path, lock);
    }
    const text = `the output folder ${path} is in use by another training: wait for it, or choose another`;
    throw new McLossError("ERR_IO", text, { path, argument: "output" });
  }

  /** The path of the last or the best checkpoint. */
  checkpoint(kind: "last" | "best"): string {
    return runFiles(this.path)[kind];
  }

  /**
   * Readies the folder for a new run.
   * @param overwrite whether the checkpoints and metrics of an earlier run are deleted
   * @throws McLossError ERR_IO when there are checkpoints that may not be deleted
   */
  async clear(overwrite: boolean): Promise<void> {
    if (!overwrite) requireNoRun(this.path);
    const { last, best, metrics } = runFiles(this.path);
    for (const path of [metrics, best, last]) await named(path, rm(path, { force: true }));
  }

  /** Writes `run.json`, whole or not at all. */
  async writeInfo(info: object): Promise<void> {
    await replaceText(runFiles(this.path).info, `${recordJson(info, "run.json", 2)}\n`);
  }

  /**
   * Keeps the records of the epochs before `epoch`: a run that goes on there writes the others again.
   * @returns the numbers of the epochs before it of which there is no whole record
   */
  async keepMetrics(epoch: number): Promise<number[]> {
    const { metrics: path } = runFiles(this.path);
    const text = await readFile(path, "utf8").catch(() => "");
    const records = new Map(text.split("\n").map((line) => [epochOf(line), line]));
    const before = Array.from({ length: epoch - 1 }, (_, i) => i + 1);
    const kept = before.flatMap((number) => records.get(number) ?? []);
    const keptText = kept.map((line) => `${line}\n`).join("");
    if (keptText !== text) await replaceText(path, keptText);
    return before.filter((number) => !records.has(number));
  }

  /** How many epochs `metrics.jsonl` has. */
  async countMetrics(): Promise<number> {
    const text = await readFile(runFiles(this.path).metrics, "utf8").catch(() => "");
    return text.split("\n").filter((line) => epochOf(line) !== undefined).length;
  }

  /** Adds a line to `metrics.jsonl`, which is on the disk when this is done. */
  async appendMetrics(record: EpochRecord): Promise<void> {
    const { metrics: path } = runFiles(this.path);
    await named(
      path,
      retryShortage(() => appendDurably(path, `${recordJson(record, "metrics")}\n`)),
    );
  }

  /** Lets others have the folder. */
  close(): Promise<void> {
    return this.#lock.release();
  }
}

/** @throws McLossError ERR_IO when the folder has a run's checkpoints */
export function requireNoRun(path: string): void {
  const { last, best } = runFiles(path);
  if (!existsSync(last) && !existsSync(best)) return;
  const advice =
    "go on with it ({ resume: true }), choose another folder, or delete it ({ overwrite: true })";
  const text = `the output folder ${path} holds a run already: ${advice}`;
  throw new McLossError("ERR_IO", text, { path, argument: "output" });
}

async function makeAndLock(path: string): Promise<FileLock | undefined> {
  const { checkpoints, lock } = runFiles(path);
  await mkdir(checkpoints, { recursive: true });
  return FileLock.acquire(lock);
}

async function appendDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "a");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Of a whole line of `metrics.jsonl`. */
function epochOf(line: string): number | undefined {
  try {
    return recordSchema.parse(JSON.parse(line)).epoch;
  } catch {
    return undefined;
  }
}

const recordSchema = z.object({ epoch: z.int().min(1) });
