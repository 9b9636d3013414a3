import { checkRecord } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import type { LayerSpec } from "./layers.js";
import type { ModelSpec } from "./spec.js";
import { parseModelSpec } from "./validate.js";

/**
 * A network whose last linear layer is a classifier of cosines, for the loss "arcFace". It has the layer's name and no bias.
 * @param scale what the cosines are multiplied with
 * @throws McLossError ERR_ARGUMENT where the last layer is no linear one
 */
export function withCosineClassifier(spec: ModelSpec, scale = 64): ModelSpec {
  checkRecord("network", spec, "a model's spec");
  parseModelSpec(spec);
  if (!(Number.isFinite(scale) && scale > 0)) throw invalidArgument("scale", "must be a number above 0");
  return { ...spec, layers: replaceLast(spec, spec.layers, scale) };
}

function replaceLast(spec: ModelSpec, layers: readonly LayerSpec[], scale: number): LayerSpec[] {
  const last = layers.at(-1);
  if (last?.type === "cosineLinear") return [...layers.slice(0, -1), { ...last, scale }];
  if (last?.type === "sequential")
    return [...layers.slice(0, -1), { ...last, layers: replaceLast(spec, last.layers, scale) }];
  if (last?.type !== "linear") {
    throw invalidArgument(
      "network",
      `${spec.name} ends in no linear layer that cosines could take the place of`,
    );
  }
  const { name, inFeatures, outFeatures } = last;
  const cosine: LayerSpec = { type: "cosineLinear", inFeatures, outFeatures, scale };
  return [...layers.slice(0, -1), name === undefined ? cosine : { ...cosine, name }];
}

/** The scale of a network's classifier of cosines; undefined where it has none. */
export function cosineScale({ layers }: Pick<ModelSpec, "layers">): number | undefined {
  const last = layers.at(-1);
  if (last?.type === "sequential") return cosineScale(last);
  return last?.type === "cosineLinear" ? (last.scale ?? 64) : undefined;
}
