import { invalidArgument } from "../errors.js";
import { buildPipeline } from "../image/pipeline.js";
import {
  augmentation,
  evaluationTransforms,
  pretrainedTransforms,
  type AugmentationLevel,
} from "../image/presets.js";
import { normalize, type TransformSpec } from "../image/transforms.js";
import { networks } from "../models/networks.js";
import { buildSpec } from "../models/networks/definition.js";
import { isWeightsName, officialWeights } from "../models/official-weights.js";
import type { ModelInfo } from "../models/info.js";
import type { ModelSpec } from "../models/spec.js";
import { weightsNormalization, type WeightsNormalization } from "../models/weights-normalization.js";
import { defaultSchedule } from "../optim/schedule.js";
import type { Recipe } from "./recipe.js";

/** Of a recipe, written out. */
export interface Transforms {
  train: readonly TransformSpec[];
  test: readonly TransformSpec[];
}

/** Which of its file's tensors the recipe starts from. */
export function wantedWeights({ weightsKey: key, weightsPrefix: prefix }: Recipe) {
  return { key, prefix };
}

/** What the weights that a recipe starts from say of their images, where the recipe itself does not. */
export async function knownNormalization(recipe: Recipe): Promise<WeightsNormalization | undefined> {
  if (recipe.weights === undefined || isWeightsName(recipe.weights) || writtenTransforms(recipe))
    return undefined;
  // What is wrong with the file is told when it is loaded.
  return weightsNormalization(recipe.weights, wantedWeights(recipe)).catch(() => undefined);
}

export function normalizationNote(
  { weights = "" }: Recipe,
  { normalization, reason }: WeightsNormalization,
): string {
  const { mean, std } = normalization;
  return `images are normalised as those of ${weights} were (${reason}): mean ${mean.join(", ")}, std ${std.join(", ")}`;
}

/** The transforms that a recipe writes out, whose normalisation goes for the others too. */
function writtenTransforms({ transforms: { train, test } }: Recipe): readonly TransformSpec[] | undefined {
  return [test, train].find((each) => typeof each !== "string");
}

/**
 * The recipe with what its short forms stand for on this network.
 * @param known the weights' normalisation, for transforms that the recipe does not write out
 */
export function completeRecipe(
  recipe: Recipe,
  spec: ModelSpec,
  known: ModelInfo["normalization"],
): { recipe: Recipe; transforms: Transforms } {
  const { train, test } = recipe.transforms;
  const written = writtenTransforms(recipe);
  const normalization = written ? normalizationOf(written) : (known ?? normalizationOf([]));
  const images = { spec, info: { normalization } };
  const level = typeof train === "string" ? train : "none";
  const own = written ? undefined : namedTransforms(recipe, spec, level);
  const transforms = own ?? {
    train: typeof train === "string" ? augmentation(images, train) : train,
    test: typeof test === "string" ? evaluationTransforms(images) : test,
  };
  checkInput("train", transforms.train, spec);
  checkInput("test", transforms.test, spec);
  const { epochs, schedule = defaultSchedule(epochs) } = recipe;
  return { recipe: { ...recipe, transforms, schedule }, transforms };
}

/** The transforms of the images that weights of this name were trained on; undefined where the recipe names none. */
function namedTransforms(
  { weights }: Recipe,
  spec: ModelSpec,
  level: AugmentationLevel,
): Transforms | undefined {
  const images = weights !== undefined && isWeightsName(weights) ? officialWeights(spec, weights) : undefined;
  if (!images) return undefined;
  const { train, evaluation } = pretrainedTransforms(images, spec.input.height, level);
  return { train, test: evaluation };
}

/** What weights of a name bring into a recipe, for people; undefined where they bring nothing. */
export function weightsInputNote(recipe: Recipe, spec: ModelSpec): string | undefined {
  const transforms = writtenTransforms(recipe) ? undefined : namedTransforms(recipe, spec, "none");
  const [resize, crop] = transforms?.test ?? [];
  if (resize?.type !== "resize" || crop?.type !== "centerCrop") return undefined;
  const length = JSON.stringify(resize.size);
  return `images are resized to ${length}, cropped to ${spec.input.height} and normalised as those of ${recipe.weights} were`;
}

/** A recipe whose network takes images of the size that its weights were trained on, where it says no other. */
export function withWeightsInput(recipe: Recipe): Recipe {
  const { weights, network } = recipe;
  if (weights === undefined || !isWeightsName(weights)) return recipe;
  if ("inputSize" in network || writtenTransforms(recipe)) return recipe;
  const { name, ...options } = network;
  // Its form is the same for other classes.
  const spec = buildSpec(networks.get(name), { ...options, classes: SOME_CLASSES });
  const images = officialWeights(spec, weights);
  return images ? { ...recipe, network: { ...network, inputSize: images.crop } } : recipe;
}

const SOME_CLASSES = 1000;

function checkInput(
  name: keyof Transforms,
  transforms: readonly TransformSpec[],
  { input }: ModelSpec,
): void {
  const { height, width } = buildPipeline(transforms).input;
  if (height === input.height && width === input.width) return;
  const sizes = `${height} × ${width} images, but the network takes ${input.height} × ${input.width}`;
  throw invalidArgument(`transforms.${name}`, `make ${sizes}: change them, or network.inputSize`);
}

export function normalizationOf(
  transforms: readonly TransformSpec[],
): NonNullable<ModelInfo["normalization"]> {
  const { mean, std } = normalize(transforms.find((step) => step.type === "normalize"));
  return { mean, std };
}
