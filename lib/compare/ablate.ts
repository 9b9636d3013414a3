import { join } from "node:path";
import { checkFunction, checkPlace, checkRecord } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import { completeLoss, type LossOptions } from "../train/losses.js";
import type { ChannelObjective } from "../train/losses/channels.js";
import { compareRuns, type Comparison } from "./compare-runs.js";
import { checkSeeds, inSeries, keepSettings, trainUnfinished } from "./run-series.js";

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
  name: string;
  /** For {@link Trainer} or a {@link Recipe}. */
  loss: LossOptions;
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
  /** Other rows, by their folders' names: what each minimises. Default: {@link ABLATIONS} of `loss`. */
  losses?: Readonly<Record<string, LossOptions>>;
  /** Plain data that `train` goes by. Going on with an ablation in `output` that had other settings is refused. */
  settings?: Readonly<Record<string, unknown>>;
}

/**
 * Trains cross-entropy, MC-Loss, and MC-Loss without each of its parts, or the losses given, with every seed, and compares
 * them. What is finished in `output` is kept and what was interrupted goes on; rows and seeds may be added.
 * @throws McLossError ERR_ARGUMENT, ERR_IO, and what `train` throws
 */
export async function ablate(options: AblateOptions): Promise<Comparison> {
  checkRecord("options", options, "an object");
  const { train, seeds, output, loss = {}, losses = ablationsOf(loss) } = options;
  checkFunction("train", train);
  checkPlace("output", output);
  checkSeeds(seeds);
  checkRows(losses);
  const rows = Object.entries(losses);
  const runs = rows.flatMap(([name, row]) =>
    seeds.map((seed) => ({ name, loss: row, seed, output: join(output, name, `seed-${seed}`) })),
  );
  const settings = { ...(options.losses ? {} : { loss }), ...options.settings };
  return inSeries({ output, kind: "ablation", settings }, async () => {
    // Rows may be added, and each stays what it was.
    for (const [name, row] of options.losses ? rows : []) {
      await keepSettings(join(output, name), "row", { loss: completeLoss(row) });
    }
    await trainUnfinished(runs, train);
    return compareRuns(runs.map((run) => run.output));
  });
}

/** The rows of {@link ABLATIONS}. @param whole what they take parts of */
export function ablationsOf(whole: ChannelObjective): Record<keyof typeof ABLATIONS, LossOptions> {
  const rows = Object.entries(ABLATIONS).map(([name, change]) => {
    return [name, change === "ce" ? change : { ...whole, ...change }];
  });
  return Object.fromEntries(rows) as Record<keyof typeof ABLATIONS, LossOptions>;
}

/** @throws McLossError ERR_ARGUMENT for no rows, a name that is no folder's, and a loss that is none */
function checkRows(losses: Readonly<Record<string, LossOptions>>): void {
  checkRecord("losses", losses, "losses by the names of their rows");
  const names = Object.keys(losses);
  if (names.length === 0) throw invalidArgument("losses", "must have one row at least");
  const odd = names.find((name) => !/^[\w][\w.-]*$/.test(name));
  if (odd !== undefined) throw invalidArgument("losses", `has the row "${odd}", which is no folder's name`);
  for (const loss of Object.values(losses)) completeLoss(loss);
}
