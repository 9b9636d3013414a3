import { z } from "zod";
import type { Spec } from "../definition.js";
import { shareableSamplers } from "../loader/samplers/shareable.js";

/** Samplers by their short names. */
const NAMED = {
  shuffle: { type: "shuffle" },
  balanced: { type: "classBalanced" },
  weighted: { type: "weighted" },
} as const satisfies Record<string, Spec<typeof shareableSamplers>>;

/** What `--sampler` takes. */
export const SAMPLER_NAMES = Object.keys(NAMED) as (keyof typeof NAMED)[];

/** A sampler's short name, or the sampler. */
export type RecipeSampler = keyof typeof NAMED | Spec<typeof shareableSamplers>;

/** {@link RecipeSampler} */
export const recipeSampler = z.union([z.enum(SAMPLER_NAMES), shareableSamplers.given]);

/** The sampler that a recipe asks for. */
export function samplerOfRecipe(sampler: RecipeSampler = "shuffle"): Spec<typeof shareableSamplers> {
  return typeof sampler === "string" ? NAMED[sampler] : sampler;
}
