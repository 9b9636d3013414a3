/** What was measured of two processes, in ms. */
export interface MeasuredStep {
  /** A step without reduction. */
  apart: number;
  /** What reduction adds to it. */
  overhead: number;
  /** What the messages took of it, were nothing done meanwhile. */
  sending: number;
  gradientBytes: number;
}

const MBIT = 1e6 / 8;

/**
 * The share of a step that is not waiting for gradients, by calculation rather than measurement: a ring all-reduce sends
 * 2(n − 1)/n of the gradients' bytes, and as large a share of that as was measured is hidden behind backward, at most two
 * thirds of a step's arithmetic.
 */
export function efficiency(measured: MeasuredStep, processes: number, mbit: number): number {
  const { apart, overhead, sending, gradientBytes } = measured;
  const hidden = Math.min(1, Math.max(0, 1 - overhead / sending));
  const message = (1000 * ((2 * (processes - 1)) / processes) * gradientBytes) / (mbit * MBIT);
  const waiting = message - Math.min(hidden * message, (2 / 3) * apart);
  return apart / (apart + waiting);
}
