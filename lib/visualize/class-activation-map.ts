import { layerName } from "../models/layers.js";
import { toPair } from "../models/layers/shapes.js";
import { checkModel, type Model, type ModelOutput } from "../models/model.js";
import { grad } from "../tensor/autograd.js";
import { enableGrad, noGrad } from "../tensor/grad-mode.js";
import { einsum } from "../tensor/operators.js";
import type { Tensor } from "../tensor/tensor.js";

/** How a classifier's evidence is laid onto the features: by its weights, or by its gradients. */
export type CamMethod = "CAM" | "Grad-CAM";

/**
 * "CAM" (Zhou et al. 2016) where the classifier is global average pooling and one linear layer, whose weights say what
 * each channel counts for; else "Grad-CAM" (Selvaraju et al. 2017), which asks the gradients.
 */
export function camMethod(model: Model): CamMethod {
  checkModel(model);
  return linearHead(model) ? "CAM" : "Grad-CAM";
}

/** Runs `model` in evaluation mode, recording what {@link classActivationMap} needs. */
export async function forwardForCam(model: Model, images: Tensor): Promise<ModelOutput> {
  const options = { training: false };
  if (linearHead(model)) return noGrad(() => model.forward(images, options));
  return enableGrad(() => model.forward(images.withGrad(), options));
}

/**
 * Where in each image the classifier finds its class: [N, H, W] of the features' size, what speaks against the class
 * set to 0. CAM: ReLU(Σ_j w_kj·x_j). Grad-CAM: ReLU(Σ_j a_j·x_j), where a_j is the mean over places of ∂logit_k/∂x_j.
 * @param output what {@link forwardForCam} gave; may be asked for several classes, one after another
 * @param classes int64 [N]
 */
export async function classActivationMap(
  model: Model,
  { features, logits }: Pick<ModelOutput, "features" | "logits">,
  classes: Tensor,
): Promise<Tensor> {
  const weights = weightsOfHead(model, classes) ?? (await meanGradients(features, logits, classes));
  return noGrad(() => einsum("nc,nchw->nhw", [weights, features]).relu());
}

function weightsOfHead(model: Model, classes: Tensor): Tensor | undefined {
  const head = linearHead(model);
  if (head === undefined) return undefined;
  const weight = model.state().find(({ name }) => name === `${head}.weight`)?.tensor;
  return weight && noGrad(() => weight.indexSelect(0, classes));
}

/** Images do not mix in evaluation, so the sum's gradient has that of each image's own logit. */
async function meanGradients(features: Tensor, logits: Tensor, classes: Tensor): Promise<Tensor> {
  const chosen = enableGrad(() => logits.gather(1, classes.unsqueeze(1)).sum());
  const [gradients] = await grad(chosen, [features], { retainGraph: true });
  // A classifier that does not look at the features at all.
  if (!gradients) return features.detach().mul(0).mean([2, 3]);
  return gradients.mean([2, 3]);
}

/** The name of the linear layer, where features, mean over places and that layer are all there is. */
function linearHead({ spec }: Model): string | undefined {
  const named = spec.layers.map((layer, position) => ({ layer, name: layerName(layer, position) }));
  const start = named.findIndex(({ name }) => name === spec.features);
  if (start < 0) return undefined;
  const head = named.slice(start + 1).filter(({ layer }) => !WITHOUT_EFFECT.includes(layer.type));
  const [pool, flatten, linear] = head;
  if (head.length !== 3 || pool?.layer.type !== "adaptiveAvgPool2d") return undefined;
  const isMean = toPair(pool.layer.outputSize).every((extent) => extent === 1);
  return isMean && flatten?.layer.type === "flatten" && linear?.layer.type === "linear"
    ? linear.name
    : undefined;
}

/** In evaluation. */
const WITHOUT_EFFECT: readonly string[] = ["dropout", "identity"];
