import type { LossName } from "./losses.js";
import { findResult, type Result, type Run } from "./results.js";
import { TUNING_SEED, type Setting, type Study, type Tested } from "./studies.js";

/** The trials of every setting, for each loss as many. */
export function listTrials({ grid, losses, tunedIn }: Study): Run[] {
  if (tunedIn !== undefined) return [];
  return grid.flatMap((setting) =>
    losses.map((loss) => ({ division: "tune", loss, ...setting, seed: TUNING_SEED })),
  );
}

/** Seed by seed, so that what is cut short has whole pairs. */
export function listTests(study: Study, trials: readonly Result[], seeds: readonly number[]): Run[] {
  return seeds.flatMap((seed) =>
    study.tested.flatMap((tested) =>
      study.losses.flatMap((loss) => {
        const setting = chooseSetting(study, trials, loss, tested);
        return setting ? [{ division: tested.division, loss, ...setting, seed }] : [];
      }),
    ),
  );
}

/**
 * The setting of the best held-out accuracy; of equal ones the first in the grid. Undefined until all have been tried.
 */
export function chooseSetting(
  { grid }: Study,
  trials: readonly Result[],
  loss: LossName,
  { tunedBy }: Tested,
): (Setting & { accuracy: number }) | undefined {
  const tried = grid.map((setting) => ({
    ...setting,
    accuracy: findTrial(trials, loss, setting)?.held[tunedBy]?.accuracy,
  }));
  const done = tried.flatMap(({ accuracy, ...setting }) =>
    accuracy === undefined ? [] : [{ ...setting, accuracy }],
  );
  if (done.length < grid.length) return undefined;
  return done.reduce((best, next) => (next.accuracy > best.accuracy ? next : best));
}

/** An ablation's is MC-Loss's. */
export function findTrial(trials: readonly Result[], loss: LossName, setting: Setting): Result | undefined {
  const tuned = loss === "ce" ? "ce" : "mc";
  return findResult(trials, { division: "tune", loss: tuned, ...setting, seed: TUNING_SEED });
}
