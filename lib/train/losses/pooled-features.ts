import { invalidArgument } from "../../errors.js";
import { describe } from "../../models/describe.js";
import type { Model } from "../../models/model.js";

/**
 * What the features are pooled to before the classifier: the last layer that flattens, or else the features' global average ("").
 * @param option for messages
 * @throws McLossError ERR_ARGUMENT where it is not known what the network pools
 */
export function pooledFeatures(model: Model, option: string): { layer: string; size: number } {
  const { layers, features } = describe(model.spec);
  const flat = layers.findLast(({ type }) => type === "flatten" || type === "bilinearPool");
  const [size = NaN] = flat?.outputShape ?? [];
  if (flat && size > 0) return { layer: flat.name, size };
  const channels = features[0] ?? model.groups?.channels ?? NaN;
  if (channels > 0) return { layer: "", size: channels };
  throw invalidArgument(option, `needs a layer "flatten": what ${model.spec.name} gives is not known`);
}
