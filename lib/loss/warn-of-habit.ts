import type { ChannelHealth } from "./channel-health.js";

/**
 * How much of what is left above chance a habit may take, before channels are said to keep to their places. On photographs
 * habit was 7 to 25 % with cross-entropy and with β = 1, 11 to 43 % with β = 2, and 25 to 71 % with β = 20 (docs/results.md).
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
    "accuracy is still low, train for longer; else try larger images, whose last map has more places, and with MC-Loss lower " +
    "beta, the weight of the diversity component, to 1 or 0"
  );
}
