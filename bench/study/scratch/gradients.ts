import { crossEntropy, grad, tidy, type Tensor } from "mutual-channel-loss/tensor";
import { DataLoader, loadModel, mcLoss, Model } from "mutual-channel-loss";
import { changeRecipe, loadRecipe, scaleRecipe, type Recipe } from "mutual-channel-loss/train";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { groupsOf } from "#lib/models/groups-of.js";
import { completeRecipe } from "#lib/recipes/complete-recipe.js";
import { networkSpec } from "#lib/recipes/network.js";
import { ResultFile } from "../result-file.js";

/** Where gradients were measured. */
interface GradientsAt {
  set: string;
  recipe: string;
  /** "at the start", or what the checkpoint is of. */
  model: string;
  imageSize: number;
}

/** L2 norms of the gradients of the terms, with their weights α and β. */
export interface Norms {
  crossEntropy: number;
  discriminality: number;
  diversity: number;
}

/** Means over batches. */
export interface Gradients extends GradientsAt {
  classes: number;
  places: number;
  alpha: number;
  beta: number;
  /** With respect to a batch's features. */
  features: Norms;
  /** With respect to the weights before them, in which what images ask for in common adds up and what they do not does not. */
  weights: Norms;
}

export const GRADIENTS = new ResultFile<GradientsAt, Gradients>(
  new URL("../../results/scratch-gradients.jsonl", import.meta.url),
  ({ set, recipe, model, imageSize }) => [set, recipe, model, imageSize].join("/"),
);

export interface GradientsOptions {
  images: string;
  set: string;
  recipe: string;
  imageSizes: readonly number[];
  /** Checkpoints by what they are of. */
  checkpoints: ReadonlyMap<string, string>;
}

const BATCHES = 4;

/** Measures how hard each term pulls at the features: of new networks at each size, and of checkpoints at their own. */
export async function measureGradients(options: GradientsOptions): Promise<void> {
  const { images: dir, set, recipe: name, imageSizes, checkpoints } = options;
  const { images } = await openTrainingSets({ dir, allowPartial: true });
  const whole = await loadRecipe(name);
  const measure = async (model: Model, about: string) => {
    const { width: imageSize } = model.spec.input;
    const at = { set, recipe: name, model: about, imageSize };
    if (GRADIENTS.has(at)) return;
    const recipe = scaleRecipe(whole, { inputSize: imageSize });
    const loader = new DataLoader(images, {
      ...{ batchSize: recipe.batchSize, shuffle: true, dropLast: true, seed: 0 },
      transforms: completeRecipe(recipe, model.spec, undefined).transforms.train,
    });
    const result = { ...at, classes: images.classes.length, ...(await normsOf(model, loader, recipe)) };
    await GRADIENTS.append(result);
    console.log(JSON.stringify(result));
  };
  for (const inputSize of imageSizes) {
    const recipe = changeRecipe(scaleRecipe(whole, { inputSize }), { seed: 0 });
    using model = await Model.create(networkSpec(recipe, images.classes.length), { seed: 0 });
    await measure(model, "at the start");
  }
  for (const [about, path] of checkpoints) {
    using model = await loadModel(path);
    await measure(model, about);
  }
}

/** See {@link Gradients}. */
export async function normsOf(model: Model, loader: DataLoader, { loss }: Recipe) {
  const { alpha = 1.5, beta = 20 } = loss as { alpha?: number; beta?: number };
  const [features, weights] = [zeroNorms(), zeroNorms()];
  const backbone = model.parameters(/^(?!classifier|fc)/);
  let [batches, places] = [0, 0];
  for await (using batch of loader) {
    await tidy(async () => {
      const { features: seen, logits } = await model.train().forward(batch.images);
      const terms = mcLoss(seen, batch.labels, { groups: groupsOf(model) });
      const weighted = {
        crossEntropy: crossEntropy(logits, batch.labels),
        discriminality: terms.discriminality.mul(alpha),
        diversity: terms.diversity.mul(beta),
      };
      for (const name of TERMS) {
        const [own, ...others] = await grad(weighted[name], [seen, ...backbone], { retainGraph: true });
        features[name] += normOf([own]) / BATCHES;
        weights[name] += normOf(others) / BATCHES;
      }
      const [, , height = 0, width = 0] = seen.shape;
      places = height * width;
    });
    batches += 1;
    if (batches === BATCHES) break;
  }
  return { places, alpha, beta, features: short(features), weights: short(weights) };
}

const TERMS = ["crossEntropy", "discriminality", "diversity"] as const;

function zeroNorms(): Norms {
  return { crossEntropy: 0, discriminality: 0, diversity: 0 };
}

/** To three digits. */
function short(norms: Norms): Norms {
  const figures = zeroNorms();
  for (const name of TERMS) figures[name] = Number(norms[name].toPrecision(3));
  return figures;
}

/** Of all tensors as one; null is 0. */
function normOf(gradients: readonly (Tensor | null | undefined)[]): number {
  const squares = gradients.map((gradient) => (gradient?.norm().item() ?? 0) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
}
