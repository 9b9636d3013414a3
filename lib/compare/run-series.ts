import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { invalidArgument, McLossError } from "../errors.js";
import { FileLock } from "../io/file-lock.js";
import { readWhole } from "../io/open-file.js";
import { makeFolder } from "../make-folder.js";
import { named, replaceWith } from "../io/replace-file.js";
import { isRecord } from "../plain-data.js";
import { isFinished, readRun } from "../run/read-run.js";
import { runFiles } from "../run/run-files.js";
import { reasonOf } from "../system-error.js";

/** What is trained as many runs in one folder. */
export interface Series {
  output: string;
  /** What it is called: "ablation". */
  kind: string;
  /** Plain data that all its runs go by. */
  settings: Readonly<Record<string, unknown>>;
}

/**
 * Works on a folder of runs as the only one that does.
 * @throws McLossError ERR_ARGUMENT where the folder's runs have other settings, ERR_IO
 */
export async function inSeries<Result>(
  { output, kind, settings }: Series,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(output, ".lock");
  const lock = await named(
    path,
    makeFolder(output).then(() => FileLock.acquire(path)),
  );
  if (!lock) {
    const text = `${output} is in use by another ${kind}: wait for it, or choose another folder`;
    throw new McLossError("ERR_IO", text, { path: output, argument: "output" });
  }
  try {
    await keepSettings(output, kind, settings);
    return await work();
  } finally {
    await lock.release();
  }
}

/** Trains each run that is not finished in its folder `output`, told whether it goes on with what was interrupted there. */
export async function trainUnfinished<Run extends { output: string }>(
  runs: readonly Run[],
  train: (run: Run & { resume: boolean }) => Promise<void>,
): Promise<void> {
  for (const run of runs) {
    const { info, metrics } = runFiles(run.output);
    if (existsSync(metrics) && isFinished(await readRun(run.output))) continue;
    // One that was ended before its first checkpoint begins anew.
    await train({ ...run, resume: existsSync(info) });
  }
}

/** @throws McLossError ERR_ARGUMENT */
export function checkSeeds(seeds: readonly number[]): void {
  const valid = seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0);
  if (valid && seeds.length > 0 && new Set(seeds).size === seeds.length) return;
  throw invalidArgument("seeds", `must be different non-negative integers, got [${seeds.join(", ")}]`);
}

/**
 * Writes the settings of what fills a folder at the first time; later they must be the same, unless no run was begun with them.
 * @param kind what it is called: "ablation"
 * @throws McLossError ERR_ARGUMENT where they are others, ERR_IO
 */
export async function keepSettings(
  output: string,
  kind: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = join(output, `${kind}.json`);
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (!existsSync(path)) {
    await named(path, makeFolder(output));
    return replaceWith(path, text);
  }
  const before = await readSettings(path, kind);
  const now = JSON.parse(text) as Record<string, unknown>;
  const change = findChange("", before, now);
  if (!change) return;
  if (!(await holdsRun(output))) return replaceWith(path, text);
  const [was, is] = [change.before, change.now].map((value) => JSON.stringify(value ?? null));
  const problem = `holds ${article(kind)} with another ${change.path}: ${was}, now ${is}. Choose another folder`;
  throw invalidArgument("output", `(${output}) ${problem}`);
}

/** Whether a run was begun in a folder, at any depth. */
async function holdsRun(folder: string): Promise<boolean> {
  const info = basename(runFiles("").info);
  return (await named(folder, readdir(folder, { recursive: true }))).some((path) => basename(path) === info);
}

/** The innermost place where two pieces of plain data first differ. */
function findChange(
  path: string,
  before: unknown,
  now: unknown,
): { path: string; before: unknown; now: unknown } | undefined {
  if (!isRecord(before) || !isRecord(now)) {
    return isDeepStrictEqual(before, now) ? undefined : { path, before, now };
  }
  return Object.keys({ ...before, ...now })
    .map((key) => findChange(path === "" ? key : `${path}.${key}`, before[key], now[key]))
    .find((change) => change !== undefined);
}

async function readSettings(path: string, kind: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse((await readWhole(path)).toString()) as Record<string, unknown>;
  } catch (cause) {
    const text = `cannot read ${path} (${reasonOf(cause)}): choose another folder for the ${kind}`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}
