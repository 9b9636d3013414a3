import { join } from "node:path";
import { checkFunction, checkPlace, checkRecord } from "../check-argument.js";
import type { ChannelObjective } from "../train/losses/channels.js";
import { compareRuns, type Comparison } from "./compare-runs.js";
import { checkSeeds, inSeries, trainUnfinished } from "./run-series.js";

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
  const runs = (Object.keys(ABLATIONS) as (keyof typeof ABLATIONS)[]).flatMap((name) =>
    seeds.map((seed) => ({
      name,
      loss: ablatedLoss(name, loss),
      seed,
      output: join(output, name, `seed-${seed}`),
    })),
  );
  const settings = { loss, ...options.settings };
  return inSeries({ output, kind: "ablation", settings }, async () => {
    await trainUnfinished(runs, train);
    return compareRuns(runs.map((run) => run.output));
  });
}

function ablatedLoss(name: keyof typeof ABLATIONS, whole: ChannelObjective): "ce" | ChannelObjective {
  const change = ABLATIONS[name];
  return change === "ce" ? change : { ...whole, ...change };
}
