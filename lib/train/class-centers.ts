import { invalidArgument } from "../errors.js";
import { describe } from "../models/describe.js";
import type { Model } from "../models/model.js";
import type { CenterTerm } from "../native/binding.js";
import { zeros } from "../tensor/creation.js";
import { keep } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { DEFAULT_CENTER_RATE, DEFAULT_CENTER_WEIGHT } from "./defaults.js";

/**
 * Center loss (Wen et al., ECCV 2016): half the squared distance between each image's vector, which is what the features
 * are pooled to before the classifier, and its class's center. The mean over the batch is added to the loss.
 */
export interface CenterLossOptions {
  /** λ of equation 5. Default 0.003. */
  weight?: number;
  /** α of the centers' update in each step, from 0 to 1. Default 0.5. */
  rate?: number;
}

/** The centers of a run's center loss, which follow the vectors from 0 on. They lie where the model does. */
export class ClassCenters {
  /** [K, D], float32 (float64 for a float64 model). */
  readonly tensor: Tensor;
  /** What native/train takes. */
  readonly term: CenterTerm;

  /** @throws McLossError ERR_ARGUMENT where it is not known what the network pools */
  constructor(
    model: Model,
    { weight = DEFAULT_CENTER_WEIGHT, rate = DEFAULT_CENTER_RATE }: CenterLossOptions,
  ) {
    const { layer, size } = pooledFeatures(model);
    const weights = model.parameters()[0];
    const dtype = weights?.dtype === "float64" ? "float64" : "float32";
    this.tensor = keep(zeros([model.spec.classes, size], { dtype, device: weights?.device ?? "cpu" }));
    this.term = { weight, rate, layer, centers: this.tensor.handle };
  }
}

/** The last layer that flattens, before the classifier, or else the features' global average ("") */
function pooledFeatures(model: Model): { layer: string; size: number } {
  const { layers, features } = describe(model.spec);
  const flat = layers.findLast(({ type }) => type === "flatten" || type === "bilinearPool");
  const [size = NaN] = flat?.outputShape ?? [];
  if (flat && size > 0) return { layer: flat.name, size };
  const channels = features[0] ?? model.groups?.channels ?? NaN;
  if (channels > 0) return { layer: "", size: channels };
  throw invalidArgument("loss.center", `needs a layer "flatten": what ${model.spec.name} gives is not known`);
}
