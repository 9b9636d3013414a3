import { ABLATIONS, ablationsOf } from "../compare/ablate.js";
import { invalidArgument } from "../errors.js";
import { suggestNear } from "../near.js";
import { DEFAULT_RECIPE } from "../recipes/default-recipe.js";
import type { Recipe } from "../recipes/recipe.js";
import { addedTerms, isChannelLoss, losses, type LossOptions } from "../train/losses.js";
import type { ChannelObjective } from "../train/losses/channels.js";

/**
 * The rows that `--losses` names: a loss, an added term beside cross-entropy, or an ablation of MC-Loss. The recipe's own loss
 * keeps its options; others have their defaults.
 * @throws McLossError ERR_ARGUMENT for a name that is none, or is there twice
 */
export function lossRows(names: readonly string[], recipe: Recipe): Record<string, LossOptions> {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidArgument("losses", `has ${twice} twice`);
  return Object.fromEntries(names.map((name) => [name, lossNamed(name, recipe)]));
}

function lossNamed(name: string, recipe: Recipe): LossOptions {
  const { loss: own } = recipe;
  if (name in ABLATIONS) return ablationsOf(wholeMcLoss(own))[name as keyof typeof ABLATIONS];
  const type = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  if (own !== "ce" && own.type === type) return own;
  if (type in addedTerms) return { type: "ce", [type]: {} };
  if (losses.names.some((known) => known === type)) return { type } as LossOptions;
  const known = [...Object.keys(ABLATIONS), ...losses.names.map(kebab), ...Object.keys(addedTerms)];
  const all = [...new Set(known)];
  throw invalidArgument("losses", `has ${name}, which is none of ${all.join(", ")}${suggestNear(name, all)}`);
}

function wholeMcLoss(loss: LossOptions): ChannelObjective {
  if (isChannelLoss(loss)) return loss;
  return DEFAULT_RECIPE.loss as ChannelObjective;
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
