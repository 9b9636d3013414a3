import { ChannelGroups } from "../loss/channel-groups.js";
import { describeSpec } from "../models/describe-spec.js";
import { networks } from "../models/networks.js";
import { buildSpec, type NetworkDefinition } from "../models/networks/definition.js";
import type { ModelSpec } from "../models/spec.js";
import { networkForLoss } from "../train/objective.js";
import type { Recipe, RecipeNetwork } from "./recipe.js";

/** What a recipe's network is where nothing but its name is said. @throws McLossError ERR_ARGUMENT */
export function networkNamed(name: string): RecipeNetwork {
  const { byName }: NetworkDefinition = networks.get(name);
  return { name, ...byName } as RecipeNetwork;
}

/**
 * The network of a recipe for so many classes, with its channel groups and in the form that the loss needs.
 * @throws McLossError ERR_ARGUMENT, ERR_SHAPE
 */
export function networkSpec(recipe: Pick<Recipe, "network" | "groups" | "loss">, classes: number): ModelSpec {
  const { name, ...options } = recipe.network;
  const built = buildSpec(networks.get(name), { ...options, classes });
  const spec = { ...networkForLoss(built, recipe.loss), groups: [] };
  const [channels = 0] = describeSpec(spec).features;
  const shared = channels < classes ? [] : ChannelGroups.split(channels, classes).blocks;
  const grouped = { ...spec, groups: recipe.groups === "split" ? shared : recipe.groups };
  describeSpec(grouped);
  return grouped;
}
