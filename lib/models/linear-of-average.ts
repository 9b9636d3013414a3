import { describeSpec } from "./describe-spec.js";
import { layers as table } from "./layers.js";
import type { LayerDefinition } from "./layers/definition.js";
import type { ModelSpec } from "./spec.js";

/**
 * The name of the classifier where it is one linear layer on the average of the features over their places, maybe with dropout
 * before it: its weights make a map of each class of the features (Zhou et al. 2016). Undefined for any other.
 */
export function linearOfAverage(spec: ModelSpec): string | undefined {
  const { layers } = describeSpec(spec);
  const at = layers.findIndex(({ name }) => name === spec.features);
  if (at < 0 || layers.slice(0, at).some(({ type, name }) => type === "aside" && inside(spec.features, name)))
    return undefined;
  const after = layers
    .slice(at + 1)
    .filter(({ name, type }) => !inside(name, spec.features) && !isContainer(type) && type !== "dropout");
  const [pool, flatten, linear, ...others] = after;
  if (others.length > 0 || pool?.type !== "adaptiveAvgPool2d" || flatten?.type !== "flatten")
    return undefined;
  const isGlobal = pool.outputShape.slice(1).every((side) => side === 1);
  return isGlobal && linear?.type === "linear" ? linear.name : undefined;
}

function inside(name: string, parent: string): boolean {
  return name.startsWith(`${parent}.`);
}

function isContainer(type: string): boolean {
  const { inside: holds = [] }: LayerDefinition = table.get(type);
  return holds.length > 0;
}
