import { z } from "zod";
import { Registry, type FilledSpec, type Spec } from "../definition.js";
import { rate } from "../schema.js";
import { cutmix } from "./mixing/cutmix.js";
import { mixup } from "./mixing/mixup.js";
import { unmixed } from "./mixing/unmixed.js";

/** The ways to mix the images of a batch, and their labels. */
export const mixings = new Registry([mixup, cutmix, unmixed], {
  common: {
    /** How often it is taken, against the weights of the others in the list. */
    weight: rate.default(1),
  },
});

/**
 * A way to mix the images of a batch, and their labels.
 * @useDeclaredType
 */
export type MixingSpec = Spec<typeof mixings>;

const SOME = "must have a weight above 0 in it";
const isSome = (list: readonly { weight?: number | undefined }[]) =>
  list.some(({ weight = 1 }) => weight > 0);

/** Ways to mix, of which each batch takes one. */
export const mixingList = z.array(mixings.given).min(1).refine(isSome, SOME).readonly();

/** {@link mixingList}, with the defaults. */
export const filledMixingList = z.array(mixings.filled).readonly();

/** A list of ways with their defaults. */
export type FilledMixings = readonly FilledSpec<typeof mixings>[];
