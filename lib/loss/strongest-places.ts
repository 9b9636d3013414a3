import { zeros } from "../tensor/creation.js";
import { arange } from "../tensor/operators.js";
import { keep } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { expectedModeCount } from "./expected-mode.js";

/** How much a channel keeps to one place. */
export interface Habit {
  /** The share of images in which a channel's strongest place is its most frequent one. */
  share: number;
  /** What the share would be if every place were the strongest alike, in as many images. */
  chance: number;
}

/** Counts where channels are strongest, image by image. */
export class StrongestPlaces {
  readonly places: number;
  /** [C, P] on the CPU. */
  readonly #counts: Tensor;

  constructor(channels: number, places: number) {
    this.places = places;
    this.#counts = keep(zeros([channels, places], { dtype: "float64" }));
  }

  /**
   * @param strongest int64 [N, C]: places
   * @param counted float64 [N, C]: 1 where the channel has a strongest place in an image that counts, and 0
   */
  add(strongest: Tensor, counted: Tensor): void {
    const [channels = 0] = this.#counts.shape;
    const index = strongest.add(arange(channels, { dtype: "int64" }).mul(this.places));
    this.#counts.view([-1]).indexAdd_(0, index.reshape([-1]), counted.reshape([-1]));
  }

  /** @param reduce makes the counts, in place, the sum of several */
  combine(reduce: (counts: Tensor) => Promise<void>): Promise<void> {
    return reduce(this.#counts);
  }

  /** Of each channel: in how many images its most frequent place is its strongest, and of how many. */
  async read(): Promise<{ most: Float64Array; counted: Float64Array }> {
    const [most, counted] = [this.#counts.amax(1), this.#counts.sum(1)];
    try {
      return { most: (await most.data()) as Float64Array, counted: (await counted.data()) as Float64Array };
    } finally {
      most.dispose();
      counted.dispose();
    }
  }

  /** Frees the counts. May be called again. */
  dispose(): void {
    this.#counts.dispose();
  }
}

/** For some channels together. A channel weighs as much as it has images. */
export class HabitSummary {
  readonly #most: Float64Array;
  readonly #counted: Float64Array;
  readonly #places: number;
  readonly #chances = new Map<number, number>();

  constructor({ most, counted }: { most: Float64Array; counted: Float64Array }, places: number) {
    this.#most = most;
    this.#counted = counted;
    this.#places = places;
  }

  of(channels: readonly number[]): Habit {
    let [most, expected, images] = [0, 0, 0];
    for (const channel of channels) {
      const counted = this.#counted[channel] ?? 0;
      most += this.#most[channel] ?? 0;
      expected += counted * this.#chance(counted);
      images += counted;
    }
    return images > 0 ? { share: most / images, chance: expected / images } : { share: 0, chance: 0 };
  }

  #chance(images: number): number {
    // Among many images one more changes nothing that is seen, and channels have many different numbers of them.
    const rounded = images > 100 ? Number(images.toPrecision(2)) : images;
    const known = this.#chances.get(rounded);
    if (known !== undefined) return known;
    const chance = rounded > 0 ? expectedModeCount(rounded, this.#places) / rounded : 0;
    this.#chances.set(rounded, chance);
    return chance;
  }
}
