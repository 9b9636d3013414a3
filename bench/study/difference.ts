import { pairedTTest, spread } from "#lib/compare/statistics.js";

/** Below it a p tells that there is a difference. */
export const SIGNIFICANT = 0.05;

/** A paired test; in points of accuracy. */
export interface Difference {
  each: readonly number[];
  mean: number;
  /** Two-sided, of Student's paired t-test. */
  p: number | undefined;
}

export function summarize(each: readonly number[]): Difference {
  return { each, mean: spread(each).mean, p: pairedTTest(each) };
}

/** A plain sentence; `over` is what the differences are of. */
export function verdict(difference: Difference, over: string): string {
  const { mean, p, each } = difference;
  const figures = `${signed(difference)} points over ${each.length} ${over}`;
  if (p === undefined) return `${figures}, too few to say`;
  if (p >= SIGNIFICANT) return `**no difference shown**: ${figures}`;
  return `**MC-Loss ${mean > 0 ? "helps" : "harms"}**: ${figures}`;
}

/** With the single ones and p. */
export function signed({ mean, p, each }: Difference): string {
  const chance = p === undefined ? "" : `; p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}`;
  return `${signedPoints(mean)} (${each.map(signedPoints).join(", ")}${chance})`;
}

export function signedPoints(points: number): string {
  return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`;
}
