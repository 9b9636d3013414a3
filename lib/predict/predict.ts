import { decodeImage } from "../data/decode.js";
import { McLossError } from "../errors.js";
import type { Model } from "../models/model.js";
import { native } from "../native/binding.js";
import { noGrad } from "../tensor/grad-mode.js";
import { Tensor } from "../tensor/tensor.js";

export interface ClassScore {
  /** The class's name, or its number where the model has no names. */
  name: string;
  index: number;
  /** Softmax of the logits. */
  probability: number;
}

export interface Prediction {
  path: string;
  /** The most probable classes, best first. */
  top: ClassScore[];
}

/** An image as the model sees it: decoded and resized to its input, not augmented. */
export interface ModelInput {
  /** RGB, row by row, `height` × `width` of the model's input. */
  pixels: Uint8Array;
  /** [1, 3, H, W], normalised. */
  tensor: Tensor;
}

/** Reads one image for `model`. @throws McLossError ERR_IMAGE naming the file */
export async function readInput(model: Model, path: string): Promise<ModelInput> {
  const { height, width } = model.spec.input;
  const { normalization } = model.info;
  if (!normalization) {
    throw new McLossError(
      "ERR_CHECKPOINT",
      "the model does not say how its inputs are normalised (info.normalization)",
    );
  }
  const pixels = await decodeImage(path, { height, width });
  const shape = [1, height, width, 3];
  const handle = await native().prepareImages({
    pixels,
    shape,
    ...normalization,
    fill: [0, 0, 0],
    device: "cpu",
  });
  return { pixels, tensor: new Tensor(handle) };
}

/** The `count` most probable classes of each image, one image after another. */
export async function* predict(
  model: Model,
  paths: readonly string[],
  count = 5,
): AsyncGenerator<Prediction, void, void> {
  model.eval();
  for (const path of paths) {
    const input = await readInput(model, path);
    const probabilities = await noGrad(() => probabilitiesOf(model, input.tensor));
    input.tensor.dispose();
    yield { path, top: rank(model, probabilities, count) };
  }
}

async function probabilitiesOf(model: Model, images: Tensor): Promise<number[]> {
  const { features, logits } = await model.forward(images);
  const probabilities = logits.softmax(1);
  const values = [...(await probabilities.data())].map(Number);
  for (const tensor of [features, logits, probabilities]) tensor.dispose();
  return values;
}

function rank(model: Model, probabilities: readonly number[], count: number): ClassScore[] {
  return probabilities
    .map((probability, index) => ({
      name: model.info.classNames?.[index] ?? String(index),
      index,
      probability,
    }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}
