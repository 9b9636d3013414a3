import { minimum as lowest } from "../extremes.js";

/** What a learning rate range test found; see {@link Trainer.findRate}. */
export interface RateSearch {
  /** The rate to train with: that of `valley`. */
  suggestion: number;
  /** By rule. */
  suggestions: {
    /** In the longest valley: fastai's rule. */
    valley: number;
    /** Where the loss falls the fastest. */
    steepest: number;
    /** A tenth of the rate of the lowest loss. */
    minimum: number;
  };
  /** Of each step, as far as the loss did not explode. */
  rates: number[];
  /** The loss of each step's batch. */
  losses: number[];
  /** Their running mean, without the bias towards its start: what the rules go by. */
  smoothed: number[];
  /** Whether the loss exploded before the last rate: otherwise higher rates may do. */
  diverged: boolean;
}

/** How much of the running mean is from before the step (fastai). */
const INERTIA = 0.98;
/** The loss has exploded where it is so many times the lowest (fastai). */
const EXPLODED = 4;
const SKIPPED_SHARE = 0.1;
const SKIPPED_AT_END = 5;
/** With fewer steps there is no curve. */
const LEAST_STEPS = 3;

/** Takes the losses of the steps of a range test, one after another. */
export class RateCurve {
  readonly rates: number[] = [];
  readonly losses: number[] = [];
  readonly smoothed: number[] = [];
  #sum = 0;
  #lowest = Infinity;

  /** @returns whether it has exploded: no further step tells anything */
  add(rate: number, loss: number): boolean {
    if (!Number.isFinite(loss)) return true;
    this.#sum = INERTIA * this.#sum + (1 - INERTIA) * loss;
    const smoothed = this.#sum / (1 - INERTIA ** (this.losses.length + 1));
    this.rates.push(rate);
    this.losses.push(loss);
    this.smoothed.push(smoothed);
    this.#lowest = Math.min(this.#lowest, smoothed);
    return smoothed > EXPLODED * this.#lowest;
  }

  /** Undefined where there are too few steps. */
  result(diverged: boolean): RateSearch | undefined {
    const { rates, losses, smoothed } = this;
    // The first steps say little, and in the last the loss explodes.
    const start = Math.floor(SKIPPED_SHARE * rates.length);
    const end = diverged ? Math.max(start + LEAST_STEPS, rates.length - SKIPPED_AT_END) : rates.length;
    const [x, y] = [rates.slice(start, end), smoothed.slice(start, end)];
    if (x.length < LEAST_STEPS) return undefined;
    const valley = x[valleyOf(y)] ?? NaN;
    const steepest = x[steepestOf(x, y)] ?? NaN;
    const minimum = (x[y.indexOf(lowest(y))] ?? NaN) / 10;
    return {
      suggestion: valley,
      suggestions: { valley, steepest, minimum },
      rates,
      losses,
      smoothed,
      diverged,
    };
  }
}

/** Halfway down the longest run of ever lower losses, which need not follow one another at once: fastai's `valley`. */
export function valleyOf(losses: readonly number[]): number {
  const lengths = losses.map(() => 1);
  let [start, end] = [0, 0];
  for (let i = 1; i < losses.length; i += 1) {
    for (let j = 0; j < i; j += 1) {
      const [own = 0, before = 0] = [lengths[i], lengths[j]];
      if ((losses[i] ?? NaN) < (losses[j] ?? NaN) && own < before + 1) lengths[i] = before + 1;
      if ((lengths[end] ?? 0) < (lengths[i] ?? 0)) [end, start] = [i, i - (lengths[i] ?? 0)];
    }
  }
  const third = (end - start) / 3;
  return Math.max(0, start + Math.floor(third) + Math.floor(third / 2));
}

/** Where the loss falls the fastest over the rate's logarithm. */
function steepestOf(rates: readonly number[], losses: readonly number[]): number {
  const slopes = rates.map((rate, i) => {
    const [before, after] = [Math.max(0, i - 1), Math.min(rates.length - 1, i + 1)];
    const run = Math.log((rates[after] ?? rate) / (rates[before] ?? rate));
    return ((losses[after] ?? NaN) - (losses[before] ?? NaN)) / run;
  });
  return slopes.indexOf(lowest(slopes));
}
