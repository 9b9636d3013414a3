import type { Spread } from "./statistics.js";

/** What is not known, or no number. */
export const UNKNOWN = "–";

/** Of shares: "45.50 ± 0.71". */
export function percentOf({ mean, std }: Spread): string {
  if (!Number.isFinite(mean)) return UNKNOWN;
  const middle = (100 * mean).toFixed(2);
  return std === undefined ? middle : `${middle} ± ${(100 * std).toFixed(2)}`;
}

/** Of a difference of shares: "+10.00". */
export function signedPercent(share: number): string {
  return `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(2)}`;
}

/** Of a p value. */
export function formatP(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}
