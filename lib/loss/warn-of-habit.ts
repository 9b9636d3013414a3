import type { ChannelHealth } from "./channel-health.js";

/**
 * How much of what is left above chance a habit may take, before channels are said to keep to their places. On photographs
 * cross-entropy, and MC-Loss with β up to 2, stayed below 0.2; with β = 5 and more it was above 0.3 (docs/results.md).
 */
const TOLERATED = 0.3;

/** What is wrong with channels that keep to their places, and what to do; undefined where they look at the image. */
export function warnOfHabit({ habit, chance }: ChannelHealth): string | undefined {
  const excess = chance.habit < 1 ? (habit - chance.habit) / (1 - chance.habit) : 0;
  if (excess <= TOLERATED) return undefined;
  const share = (value: number) => `${Math.round(100 * value)} %`;
  return (
    `channels keep to their places: in ${share(habit)} of the images a channel is strongest where it mostly is, whatever ` +
    `is there (by chance in ${share(chance.habit)}), so their diversity says little of what they look at. If the training ` +
    "accuracy is still low, train for longer; else lower beta, the weight of the diversity component, to 1 or 0"
  );
}
