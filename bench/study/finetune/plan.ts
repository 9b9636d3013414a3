import type { FineTuned, FineTuning, FineTuningResult } from "./results.js";

export const LOSSES: readonly FineTuned[] = ["ce", "mc"];
/** Of the pre-trained layers; new ones have ten times as much. */
export const RATES = [0.001, 0.003, 0.01] as const;
const TRIAL_EPOCHS = 3;
/** In the first of them the new layers alone are trained. */
const TEST_EPOCHS = 5;
const TRIAL_SEED = 100;

/** Every rate for each loss. */
export function listTrials(): FineTuning[] {
  return LOSSES.flatMap((loss) =>
    RATES.map((learningRate): FineTuning => ({
      ...{ stage: "trial", loss, learningRate },
      ...{ epochs: TRIAL_EPOCHS, seed: TRIAL_SEED },
    })),
  );
}

/** Each loss with the rate that its trials chose, seed by seed; none of a loss whose trials are not finished. */
export function listTests(results: readonly FineTuningResult[], seeds: readonly number[]): FineTuning[] {
  return seeds.flatMap((seed) =>
    LOSSES.flatMap((loss): FineTuning[] => {
      const learningRate = chooseRate(results, loss);
      return learningRate === undefined
        ? []
        : [{ stage: "test", loss, learningRate, epochs: TEST_EPOCHS, seed }];
    }),
  );
}

/** The rate of a loss's best trial, the lower of equals; undefined before all have been run. */
export function chooseRate(results: readonly FineTuningResult[], loss: FineTuned): number | undefined {
  const trials = results.filter((result) => result.stage === "trial" && result.loss === loss);
  if (trials.length < RATES.length) return undefined;
  const [best] = trials.sort((a, b) => b.accuracy - a.accuracy || a.learningRate - b.learningRate);
  return best?.learningRate;
}
