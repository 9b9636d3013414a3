import { z } from "zod";
import { invalidArgument } from "../errors.js";
import { randomAt, shuffled } from "../image/random.js";
import { count, index } from "../schema.js";
import { ListDataset, type Sample } from "./dataset.js";
import type { TrainingSets } from "./training-sets.js";

/** One of several parts of a data set, which is held out while the others are trained on. */
export interface Fold {
  /** From 1. */
  number: number;
  /** How many there are. */
  of: number;
  /** Of the division. */
  seed: number;
}

/** {@link Fold} */
export const foldSchema = z.strictObject({ number: count, of: count.min(2), seed: index });

/**
 * The training images, and a validation part of the same data set, without a fold of them, and the fold as what is held out:
 * as an estimate of the accuracy, it chooses nothing. A test part is left alone.
 * @throws McLossError ERR_ARGUMENT for more folds than images
 */
export function takeFold(sets: TrainingSets, { number, of, seed }: Fold): TrainingSets {
  const { images, heldOut, heldOutSource, chooses } = sets;
  const isOwn = heldOut !== undefined && chooses && heldOutSource === undefined;
  const samples = isOwn ? [...images.samples, ...heldOut.samples] : images.samples;
  if (of > samples.length) {
    throw invalidArgument(
      "folds",
      `must be at most ${samples.length}, as there are so many images, got ${of}`,
    );
  }
  const foldOf = divide(samples, of, seed);
  const part = (isHeldOut: boolean) =>
    new ListDataset(
      images.classes,
      samples.filter((_, place) => (foldOf[place] === number - 1) === isHeldOut),
    );
  return {
    images: part(false),
    source: sets.source,
    heldOut: part(true),
    chooses: false,
    notes: [`held out is part ${number} of ${of}`],
  };
}

/** Which fold each sample is in, from 0: each class is shared out among all, which differ by an image at most. */
function divide(samples: readonly Sample[], folds: number, seed: number): number[] {
  const byClass = new Map<number, number[]>();
  samples.forEach(({ label }, place) => {
    const places = byClass.get(label) ?? [];
    places.push(place);
    byClass.set(label, places);
  });
  const labels = [...byClass.keys()].sort((a, b) => a - b);
  const order = labels.flatMap((label) => {
    const places = byClass.get(label) ?? [];
    return shuffled(places.length, randomAt(seed, label)).map((at) => places[at] ?? 0);
  });
  const foldOf = new Array<number>(samples.length).fill(0);
  order.forEach((place, position) => {
    foldOf[place] = position % folds;
  });
  return foldOf;
}
