import { createRequire } from "node:module";
import type { JStat } from "jstat";

const require = createRequire(import.meta.url);
let loaded: JStat | undefined;

/** Loaded when the first runs are compared: it is large. */
function jStat(): JStat {
  return (loaded ??= require("jstat") as JStat);
}

/** Over seeds. */
export interface Spread {
  mean: number;
  /** Of a sample, with n − 1; absent for one value. */
  std?: number;
}

export function spread(values: readonly number[]): Spread {
  const mean = jStat().mean(values);
  return values.length < 2 ? { mean } : { mean, std: jStat().stdev(values, true) };
}

/** The two-sided p value of the paired t-test, for the differences of pairs; undefined where it is not defined. */
export function pairedTTest(differences: readonly number[]): number | undefined {
  const { std = 0 } = spread(differences);
  return std > 0 ? jStat().ttest(0, differences, 2) : undefined;
}
