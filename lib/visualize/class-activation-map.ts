import { isDeepStrictEqual } from "node:util";
import { describeSpec } from "../models/describe-spec.js";
import { layerName, type LayerSpec } from "../models/layers.js";
import { linearOfAverage } from "../models/linear-of-average.js";
import { checkModel, type Model, type ModelOutput } from "../models/model.js";
import type { ModelSpec } from "../models/spec.js";
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

/** What a model makes of images. */
export interface OutputForCam extends Pick<ModelOutput, "features" | "logits"> {
  /** [N, C, H, W], which the classifier reads: the features, or what they are made of where they lie beside its way. */
  read: Tensor;
}

/** Runs `model` in evaluation mode, recording what {@link classActivationMap} needs. */
export async function forwardForCam(model: Model, images: Tensor): Promise<OutputForCam> {
  const layer = layerRead(model);
  const taps = layer === model.spec.features ? [] : [layer];
  const options = { training: false, taps };
  const output = linearHead(model)
    ? await noGrad(() => model.forward(images, options))
    : await enableGrad(() => model.forward(images.withGrad(), options));
  return { ...output, read: output.taps[layer] ?? output.features };
}

/**
 * Where in each image the classifier finds its class: [N, H, W] of the features' size, what speaks against the class
 * set to 0. CAM: ReLU(Σ_j w_kj·x_j), x what the classifier reads. Grad-CAM: ReLU(Σ_j a_j·x_j), where a_j is the mean over places
 * of ∂logit_k/∂x_j.
 * @param output what {@link forwardForCam} gave; may be asked for several classes, one after another
 * @param classes int64 [N]
 */
export async function classActivationMap(
  model: Model,
  { read, logits }: OutputForCam,
  classes: Tensor,
): Promise<Tensor> {
  const weights = weightsOfHead(model, classes) ?? (await meanGradients(read, logits, classes));
  return noGrad(() => einsum("nc,nchw->nhw", [weights, read]).relu());
}

function weightsOfHead(model: Model, classes: Tensor): Tensor | undefined {
  const head = linearHead(model);
  if (head === undefined) return undefined;
  const weight = model.state().find(({ name }) => name === `${head}.weight`)?.tensor;
  return weight && noGrad(() => weight.indexSelect(0, classes));
}

/** Images do not mix in evaluation, so the sum's gradient has that of each image's own logit. */
async function meanGradients(read: Tensor, logits: Tensor, classes: Tensor): Promise<Tensor> {
  const chosen = enableGrad(() => logits.gather(1, classes.unsqueeze(1)).sum());
  const [gradients] = await grad(chosen, [read], { retainGraph: true });
  // A classifier that does not look at the features at all.
  if (!gradients) return read.detach().mul(0).mean([2, 3]);
  return gradients.mean([2, 3]);
}

/**
 * The name of the layer whose output the classifier reads: the features', or the one before those that lie beside the way to the
 * logits, where it gives a map of the same places. (A ViT's tokens are none: its classifier reads the class token, and no place.)
 */
function layerRead({ spec }: Model): string {
  const named = namedLayers(spec);
  const at = named.findIndex(
    ({ layer, name }) => layer.type === "aside" && spec.features.startsWith(`${name}.`),
  );
  const before = named[at - 1]?.name;
  if (before === undefined) return spec.features;
  const { layers, features } = describeSpec(spec);
  const [, ...places] = layers.find(({ name }) => name === before)?.outputShape ?? [];
  return isDeepStrictEqual(places, features.slice(1)) ? before : spec.features;
}

function namedLayers({ layers }: ModelSpec): { layer: LayerSpec; name: string }[] {
  return layers.map((layer, position) => ({ layer, name: layerName(layer, position) }));
}

/** The name of the linear layer, where what is read, mean over places and that layer are all there is. */
function linearHead(model: Model): string | undefined {
  const { spec } = model;
  const features = layerRead(model);
  const named = namedLayers(spec);
  const onTheWay = named.filter(({ layer }) => layer.type !== "aside");
  if (named.some((one) => !onTheWay.includes(one) && features.startsWith(`${one.name}.`))) return undefined;
  const layers = onTheWay.map(({ layer, name }): LayerSpec => ({ ...layer, name }));
  return linearOfAverage({ ...spec, layers, groups: [], features });
}
