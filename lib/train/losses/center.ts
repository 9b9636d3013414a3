import type { Filled, Given } from "../../definition.js";
import type { Model } from "../../models/model.js";
import { rate, share } from "../../schema.js";
import { zeros } from "../../tensor/creation.js";
import { keep } from "../../tensor/scope.js";
import { defineAddedTerm, type AddedTerm } from "./definition.js";
import { pooledFeatures } from "./pooled-features.js";

const DEFAULT_RATE = 0.5;

const options = {
  /** λ of equation 5. */
  weight: rate.default(0.003),
  /** α of the centers' update in each step. */
  rate: share.default(DEFAULT_RATE),
};

export const center = defineAddedTerm({
  name: "center",
  summary:
    "Half the squared distance between each image's vector and its class's center (Wen et al., ECCV 2016)",
  options,
  create: createCenters,
  describe: ({ weight, rate }) => [
    `center loss λ ${weight}`,
    ...(rate === DEFAULT_RATE ? [] : [`center rate ${rate}`]),
  ],
});

/**
 * Center loss (Wen et al., ECCV 2016): half the squared distance between each image's vector, which is what the features
 * are pooled to before the classifier, and its class's center. The mean over the batch is added to the loss.
 */
export interface CenterLossOptions extends Given<typeof options> {}

/**
 * The centers [K, D], which follow the vectors from 0 on: float32 (float64 for a float64 model), where the model is.
 * @throws McLossError ERR_ARGUMENT where it is not known what the network pools
 */
function createCenters(model: Model, { weight, rate }: Filled<typeof options>): AddedTerm {
  const { layer, size } = pooledFeatures(model, "loss.center");
  const weights = model.parameters()[0];
  const dtype = weights?.dtype === "float64" ? "float64" : "float32";
  const centers = keep(zeros([model.spec.classes, size], { dtype, device: weights?.device ?? "cpu" }));
  return { native: { weight, rate, layer, centers: centers.handle }, tensors: { centers } };
}
