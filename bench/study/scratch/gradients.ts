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

/** L2 norms of the gradients of the terms, with their weights, with respect to a batch's features: means over batches. */
export interface Gradients extends GradientsAt {
  classes: number;
  places: number;
  alpha: number;
  beta: number;
  crossEntropy: number;
  discriminality: number;
  diversity: number;
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

async function normsOf(model: Model, loader: DataLoader, { loss }: Recipe) {
  const { alpha = 1.5, beta = 20 } = loss as { alpha?: number; beta?: number };
  const sums = { crossEntropy: 0, discriminality: 0, diversity: 0 };
  let [batches, places] = [0, 0];
  for await (using batch of loader) {
    await tidy(async () => {
      const { features, logits } = await model.train().forward(batch.images);
      const terms = mcLoss(features, batch.labels, { groups: groupsOf(model) });
      const norm = async (term: Tensor, weight: number) => {
        const [gradient] = await grad(term, [features], { retainGraph: true });
        return weight * (gradient?.norm().item() ?? 0);
      };
      sums.crossEntropy += await norm(crossEntropy(logits, batch.labels), 1);
      sums.discriminality += await norm(terms.discriminality, alpha);
      sums.diversity += await norm(terms.diversity, beta);
      const [, , height = 0, width = 0] = features.shape;
      places = height * width;
    });
    batches += 1;
    if (batches === BATCHES) break;
  }
  const means = Object.entries(sums).map(([name, sum]) => [name, Number((sum / batches).toPrecision(3))]);
  return { places, alpha, beta, ...(Object.fromEntries(means) as typeof sums) };
}
