import { join } from "node:path";
import { checkFunction, checkPlace, checkRecord } from "../check-argument.js";
import { checkSeeds, inSeries, trainUnfinished } from "./run-series.js";
import { summarizeSeries, type SeriesSummary } from "./summarize-series.js";

/** One run of several that differ by their seed alone. */
export interface SeedRun {
  /** Of everything that the run draws. */
  seed: number;
  /** The run's folder, for {@link Trainer}. */
  output: string;
  /** Whether the run was interrupted and goes on, for {@link Trainer.fit}. */
  resume: boolean;
}

/** Options of {@link trainSeeds}. */
export interface TrainSeedsOptions {
  /** Trains one run; all that is not told to it must be the same for all runs. */
  train: (run: SeedRun) => Promise<void>;
  /** Different non-negative integers. */
  seeds: readonly number[];
  /** Holds a folder for each seed. */
  output: string;
  /** Plain data that `train` goes by. Going on in an `output` that had other settings is refused. */
  settings?: Readonly<Record<string, unknown>>;
}

/**
 * Trains the same with several seeds, and adds up what the runs reached. What is finished in `output` is kept and what was
 * interrupted goes on; other seeds may come to it.
 * @throws McLossError ERR_ARGUMENT, ERR_IO, and what `train` throws
 */
export async function trainSeeds(options: TrainSeedsOptions): Promise<SeriesSummary> {
  checkRecord("options", options, "an object");
  const { train, seeds, output, settings = {} } = options;
  checkFunction("train", train);
  checkPlace("output", output);
  checkSeeds(seeds);
  const runs = seeds.map((seed) => ({ seed, output: join(output, `seed-${seed}`) }));
  return inSeries({ output, kind: "series", settings }, async () => {
    await trainUnfinished(runs, train);
    return summarizeSeries(runs.map((run) => ({ name: `seed ${run.seed}`, folder: run.output })));
  });
}
