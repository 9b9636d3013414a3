import { checkFunction, checkPlace, checkRecord } from "../check-argument.js";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { existsSync } from "node:fs";
import { invalidArgument, McLossError } from "../errors.js";
import { readWhole } from "../io/open-file.js";
import { named, replaceWith } from "../io/replace-file.js";
import { runFiles } from "../run/run-files.js";
import { isRecord } from "../plain-data.js";
import { reasonOf } from "../system-error.js";
import type { ChannelObjective } from "../train/losses/channels.js";
import { compareRuns, type Comparison } from "./compare-runs.js";
import { isFinished, readRun } from "../run/read-run.js";

/** The rows of the paper's ablation tables, by their folders' names: what each changes in MC-Loss. */
export const ABLATIONS = {
  ce: "ce",
  mc: {},
  "no-cwa": { keep: "all" },
  ccap: { pooling: "mean" },
  "no-diversity": { beta: 0 },
  "no-discriminality": { alpha: 0 },
} as const satisfies Record<string, "ce" | ChannelObjective>;

/** One run of an ablation. */
export interface AblationRun {
  /** The row, such as "no-cwa". */
  name: keyof typeof ABLATIONS;
  /** For {@link Trainer} or a {@link Recipe}. */
  loss: "ce" | ChannelObjective;
  /** Of everything that the run draws. */
  seed: number;
  /** The run's folder, for {@link Trainer}. */
  output: string;
  /** Whether the run was interrupted and goes on, for {@link Trainer.fit}. */
  resume: boolean;
}

/** Options of {@link ablate}. */
export interface AblateOptions {
  /** Trains and validates one run; all that is not told to it must be the same for all runs. */
  train: (run: AblationRun) => Promise<void>;
  /** Different non-negative integers. */
  seeds: readonly number[];
  /** Holds a folder for each row and, in it, for each seed. */
  output: string;
  /** MC-Loss as a whole, which the rows take parts of. Default: α 1.5 and β 20. */
  loss?: ChannelObjective;
  /** Plain data that `train` goes by. Going on with an ablation in `output` that had other settings is refused. */
  settings?: Readonly<Record<string, unknown>>;
}

/**
 * Trains cross-entropy, MC-Loss, and MC-Loss without each of its parts, with every seed, and compares them. What is
 * finished in `output` is kept and what was interrupted goes on.
 * @throws McLossError ERR_ARGUMENT, ERR_IO, and what `train` throws
 */
export async function ablate(options: AblateOptions): Promise<Comparison> {
  checkRecord("options", options, "an object");
  const { train, seeds, output, loss = {} } = options;
  checkFunction("train", train);
  checkPlace("output", output);
  checkSeeds(seeds);
  await keepSettings(output, { loss, ...options.settings });
  const runs = (Object.keys(ABLATIONS) as (keyof typeof ABLATIONS)[]).flatMap((name) =>
    seeds.map((seed) => ({
      name,
      loss: ablatedLoss(name, loss),
      seed,
      output: join(output, name, `seed-${seed}`),
    })),
  );
  for (const run of runs) {
    const { info, metrics } = runFiles(run.output);
    if (existsSync(metrics) && isFinished(await readRun(run.output))) continue;
    // One that was ended before its first checkpoint begins anew.
    const resume = existsSync(info);
    await train({ ...run, resume });
  }
  return compareRuns(runs.map((run) => run.output));
}

function ablatedLoss(name: keyof typeof ABLATIONS, whole: ChannelObjective): "ce" | ChannelObjective {
  const change = ABLATIONS[name];
  return change === "ce" ? change : { ...whole, ...change };
}

function checkSeeds(seeds: readonly number[]): void {
  const valid = seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0);
  if (valid && seeds.length > 0 && new Set(seeds).size === seeds.length) return;
  throw invalidArgument("seeds", `must be different non-negative integers, got [${seeds.join(", ")}]`);
}

/** Writes the settings at the first time; later they must be the same. */
async function keepSettings(output: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  const path = join(output, "ablation.json");
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (!existsSync(path)) {
    await named(path, mkdir(output, { recursive: true }));
    return replaceWith(path, text);
  }
  const before = await readSettings(path);
  const now = JSON.parse(text) as Record<string, unknown>;
  const change = findChange("", before, now);
  if (!change) return;
  const [was, is] = [change.before, change.now].map((value) => JSON.stringify(value ?? null));
  const problem = `holds an ablation with another ${change.path}: ${was}, now ${is}. Choose another folder`;
  throw invalidArgument("output", `(${output}) ${problem}`);
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

async function readSettings(path: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse((await readWhole(path)).toString()) as Record<string, unknown>;
  } catch (cause) {
    const text = `cannot read ${path} (${reasonOf(cause)}): choose another folder for the ablation`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}
