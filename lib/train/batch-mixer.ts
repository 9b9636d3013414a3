import type { Size } from "../image/geometry.js";
import { randomAt, type Random } from "../image/random.js";
import { filledMixingList, mixings, type FilledMixings, type MixingSpec } from "./mixings.js";
import type { Mixing, MixingDefinition } from "./mixing/definition.js";

/** Tells these draws from others of the same seed. */
const MIXING = 0x6d6978;

/**
 * Draws how each batch of a run is mixed. It depends on the seed, the epoch and the batch's position alone: not on
 * workers, processes or where a run went on.
 */
export class BatchMixer {
  readonly #ways: FilledMixings;
  readonly #seed: number;

  constructor(ways: readonly MixingSpec[], seed: number) {
    this.#ways = filledMixingList.parse(ways);
    this.#seed = seed;
  }

  /**
   * @param epoch from 1
   * @param position of the batch in its epoch, from 0
   */
  draw(epoch: number, position: number, images: Size): Mixing {
    const random = randomAt(this.#seed, MIXING, epoch, position);
    const { type, weight, ...options } = chosen(this.#ways, random);
    const definition: MixingDefinition = mixings.get(type);
    return definition.draw(options, random, images);
  }
}

function chosen(ways: FilledMixings, random: Random): FilledMixings[number] {
  const whole = ways.reduce((sum, { weight }) => sum + weight, 0);
  let left = random.uniform(0, whole);
  const way = ways.find(({ weight }) => (left -= weight) < 0);
  // What rounding leaves.
  return way ?? (ways.findLast(({ weight }) => weight > 0) as FilledMixings[number]);
}
