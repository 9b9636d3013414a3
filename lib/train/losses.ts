import { z } from "zod";
import { Registry, type Definition, type FilledSpec, type Spec } from "../definition.js";
import { parseOptions } from "../schema.js";
import { center } from "./losses/center.js";
import { channels, type ChannelObjective } from "./losses/channels.js";
import { classificationLosses } from "./losses/classification.js";

/** What may be added to any loss, by its key in it. */
export const addedTerms = {
  /** Adds a center loss: λ and α of Wen et al., equations 4 and 5. Default: none. */
  center,
};

/** All losses. */
export const losses = new Registry([channels, ...classificationLosses.definitions], {
  fallback: "mc",
  common: optionsOfTerms(addedTerms),
});

type TermOptions<Terms extends Readonly<Record<string, Definition>>> = {
  readonly [Name in keyof Terms]: z.ZodOptional<z.ZodObject<Terms[Name]["options"], z.core.$strict>>;
};

function optionsOfTerms<Terms extends Readonly<Record<string, Definition>>>(
  terms: Terms,
): TermOptions<Terms> {
  const shape = Object.entries(terms).map(([name, { options }]) => [
    name,
    z.strictObject(options).optional(),
  ]);
  return Object.fromEntries(shape) as TermOptions<Terms>;
}

/**
 * What is minimised; "ce" is cross-entropy alone.
 * @useDeclaredType
 */
export type LossOptions = "ce" | Spec<typeof losses>;

/** A loss with its defaults. */
export type CompleteLoss = FilledSpec<typeof losses>;

/** {@link LossOptions} */
export const lossSchema = z.union([z.literal("ce"), losses.given]);

/**
 * The same loss with its defaults, so that it can be told from others whatever the defaults become.
 * @throws McLossError ERR_ARGUMENT
 */
export function completeLoss(loss: LossOptions): CompleteLoss {
  return parseOptions(losses.filled, loss === "ce" ? { type: "ce" } : loss, "loss");
}

/** Whether it is MC-Loss, maybe with other terms. */
export function isChannelLoss(loss: LossOptions): loss is ChannelObjective {
  return loss !== "ce" && (loss.type ?? "mc") === "mc";
}
