import type { LossName } from "./losses.js";
import { chooseSetting } from "./plan.js";
import { findResult, resultsOf, type Result } from "./results.js";
import { summarize, type Difference } from "../difference.js";
import { TUNING_SEED, type Setting, type Study, type Tested } from "./studies.js";

/** What one loss reached on a division, at the setting chosen for it. */
export interface Arm {
  division: string;
  loss: LossName;
  setting: Setting;
  /** The held-out accuracy by which the setting was chosen. */
  tuned: number;
  /** By seed. */
  tests: ReadonlyMap<number, Result>;
}

/** Undefined where not all settings have been tried, or nothing has been tested. */
export function readArm(name: string, study: Study, loss: LossName, tested: Tested): Arm | undefined {
  const chosen = chooseSetting(study, resultsOf(study.tunedIn ?? name).read(), loss, tested);
  if (!chosen) return undefined;
  const { accuracy: tuned, ...setting } = chosen;
  const { division } = tested;
  const results = resultsOf(name).read();
  const tests = new Map<number, Result>();
  for (let seed = 0; seed < TUNING_SEED; seed += 1) {
    const found = findResult(results, { division, loss, ...setting, seed });
    if (found) tests.set(seed, found);
  }
  return tests.size === 0 ? undefined : { division, loss, setting, tuned, tests };
}

export function accuracies({ tests }: Arm): number[] {
  return [...tests.values()].map(({ held }) => 100 * (held["test"]?.accuracy ?? NaN));
}

/** Of the seeds that both arms have. */
export function subtract(arm: Arm, from: Arm): Difference | undefined {
  const each = [...arm.tests].flatMap(([seed, { held }]) => {
    const base = from.tests.get(seed)?.held["test"]?.accuracy;
    const reached = held["test"]?.accuracy;
    return base === undefined || reached === undefined ? [] : [100 * (reached - base)];
  });
  return each.length === 0 ? undefined : summarize(each);
}
