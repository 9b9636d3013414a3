import { globalPool, splitGroups } from "../blocks.js";
import type { LayerOf, LayerSpec } from "../layers.js";
import type { ModelSpec } from "../spec.js";

/** A linear layer that starts as torchvision's. */
export function classifier(
  inFeatures: number,
  outFeatures: number,
  start: Pick<LayerOf<"linear">, "weightStd" | "weightBound">,
): LayerOf<"linear"> {
  return { type: "linear", inFeatures, outFeatures, ...start };
}

/** Of a network as {@link withHead} makes it. */
interface Sizes {
  classes: number;
  /** Side of the input. */
  inputSize: number;
  /** Of the features. */
  channels: number;
}

/** A network of torchvision's newer form: `features`, an average over the places, and `classifier`. */
export function withHead(
  name: string,
  { classes, inputSize, channels }: Sizes,
  features: readonly LayerSpec[],
  classifier: readonly LayerSpec[],
): ModelSpec {
  return {
    format: 1,
    name,
    input: { channels: 3, height: inputSize, width: inputSize },
    classes,
    groups: splitGroups(channels, classes),
    layers: [
      { type: "sequential", name: "features", layers: features },
      ...globalPool("avg"),
      { type: "sequential", name: "classifier", layers: classifier },
    ],
    features: "features",
    init: "torchvision",
  };
}
