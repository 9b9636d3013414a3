import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { McLossError } from "../errors.js";
import { FileLock } from "../io/file-lock.js";
import { makeFolder } from "../make-folder.js";
import { named, replaceWith } from "../io/replace-file.js";
import { retryShortage } from "../io/retry-shortage.js";
import { syncFile } from "../io/sync-file.js";
import { removeTemporaries } from "../io/temporary-file.js";
import { recordJson } from "../record-json.js";
import { reasonOf } from "../system-error.js";
import { readMetrics, type WrittenEpoch } from "./epoch-record.js";
import { runFiles } from "./run-files.js";
import type { RunInfo } from "./run-info.js";

/**
 * The folder of one run: `run.json` (what was asked for, and by which versions), `metrics.jsonl` (a line an epoch) and
 * `checkpoints/{last,best}.safetensors`. It is written through this alone, and by one process at a time.
 */
export class RunFolder {
  readonly path: string;
  readonly files: ReturnType<typeof runFiles>;
  readonly #lock: FileLock;

  private constructor(path: string, lock: FileLock) {
    this.path = path;
    this.files = runFiles(path);
    this.#lock = lock;
  }

  /** @throws McLossError ERR_IO when it cannot be made or written, or another process has it */
  static async open(path: string): Promise<RunFolder> {
    const lock = await makeAndLock(path).catch((cause: unknown) => {
      const text = `cannot write to the output folder ${path} (${reasonOf(cause)}): choose another, or make this one writable`;
      throw new McLossError("ERR_IO", text, { path, argument: "output", cause });
    });
    if (lock) {
      await named(path, removeTemporaries(path, runFiles(path).checkpoints));
      return new RunFolder(path, lock);
    }
    const text = `the output folder ${path} is in use by another training: wait for it, or choose another`;
    throw new McLossError("ERR_IO", text, { path, argument: "output" });
  }

  /**
   * Readies the folder for a new run.
   * @param overwrite whether the checkpoints and metrics of an earlier run are deleted
   * @throws McLossError ERR_IO when there are checkpoints that may not be deleted
   */
  async clear(overwrite: boolean): Promise<void> {
    if (!overwrite) requireNoRun(this.path);
    const { last, best, metrics } = this.files;
    for (const path of [metrics, best, last]) await named(path, rm(path, { force: true }));
  }

  /** Writes `run.json`, whole or not at all. */
  async writeInfo(info: RunInfo): Promise<void> {
    await replaceWith(this.files.info, `${recordJson(info, "run.json", 2)}\n`);
  }

  /**
   * Keeps the records of the epochs before `epoch`: a run that goes on there writes the others again.
   * @returns the numbers of the epochs before it of which there is no whole record
   */
  async keepMetrics(epoch: number): Promise<number[]> {
    const { lines, ended } = await readMetrics(this.path);
    const records = new Map(lines.map((line) => [line.epoch?.epoch, line.text]));
    const before = Array.from({ length: epoch - 1 }, (_, i) => i + 1);
    const kept = before.flatMap((number) => records.get(number) ?? []);
    if (kept.length < lines.length || !ended) {
      await replaceWith(this.files.metrics, kept.map((line) => `${line}\n`).join(""));
    }
    return before.filter((number) => !records.has(number));
  }

  /** How many epochs `metrics.jsonl` has. */
  async countMetrics(): Promise<number> {
    const { lines } = await readMetrics(this.path);
    return lines.filter(({ epoch }) => epoch !== undefined).length;
  }

  /** Adds a line to `metrics.jsonl`, which is on the disk when this is done. */
  async appendMetrics(record: WrittenEpoch): Promise<void> {
    const { metrics: path } = this.files;
    const line = `${recordJson(record, "metrics")}\n`;
    await named(
      path,
      retryShortage(() => appendDurably(path, line)),
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
  await makeFolder(checkpoints);
  return FileLock.acquire(lock);
}

async function appendDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "a");
  try {
    await file.writeFile(text);
    await syncFile(file.fd);
  } finally {
    await file.close();
  }
}
