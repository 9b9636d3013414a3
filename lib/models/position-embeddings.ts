import type { StateFile } from "../io/checkpoint-file.js";
import type { AbortOptions } from "../native/abortable.js";
import { noGrad } from "../tensor/grad-mode.js";
import { cat } from "../tensor/operators.js";
import { tidy } from "../tensor/scope.js";
import { ops, type Tensor } from "../tensor/tensor.js";
import { describe } from "./describe.js";
import type { Model } from "./model.js";

/** A tensor that was brought to another size. */
export interface InterpolatedPositions {
  name: string;
  /** In the network. */
  shape: number[];
  /** In the file. */
  stored: number[];
}

/**
 * Loads the position embeddings that a file has for images of another size: those of the places are a map that is
 * interpolated (torchvision's `interpolate_embeddings`: bicubic, corners aligned), that of the class token stays as it is.
 */
export async function interpolatePositions(
  model: Model,
  { file, tensors }: StateFile,
  options: AbortOptions = {},
): Promise<InterpolatedPositions[]> {
  const layers = describe(model.spec).layers.filter(({ type }) => type === "positionEmbedding");
  const names = new Set(layers.map(({ name }) => name));
  const interpolated: InterpolatedPositions[] = [];
  for (const { name, tensor } of model.state()) {
    const stored = names.has(name) ? tensors.get(name) : undefined;
    if (!stored || !isMapOf(stored.shape, tensor.shape)) continue;
    const [read] = await file.readTensors([stored], options);
    if (!read) continue;
    const [, tokens = 0] = tensor.shape;
    noGrad(() => tidy(() => void ops("aten::copy_", tensor, resize(read, tokens))));
    read.dispose();
    interpolated.push({ name, shape: tensor.shape, stored: [...stored.shape] });
  }
  return interpolated;
}

/** Whether both are [1, tokens, channels], of as many channels, with a token and a square of places, of two sizes. */
function isMapOf(stored: readonly number[], own: readonly number[]): boolean {
  const [one, tokens = 0, channels] = stored;
  const [, wanted = 0, features] = own;
  if (stored.length !== 3 || one !== 1 || channels !== features || tokens === wanted) return false;
  return [tokens, wanted].every((count) => count > 1 && Number.isInteger(Math.sqrt(count - 1)));
}

function resize(embedding: Tensor, tokens: number): Tensor {
  const [, count = 0, channels = 0] = embedding.shape;
  const [from, to] = [Math.sqrt(count - 1), Math.sqrt(tokens - 1)];
  const token = embedding.narrow(1, 0, 1).to("float32");
  const places = embedding.narrow(1, 1, count - 1).to("float32");
  const map = places.permute([0, 2, 1]).reshape([1, channels, from, from]);
  const resized = ops("aten::upsample_bicubic2d", map, [to, to], true, null, null) as Tensor;
  return cat([token, resized.reshape([1, channels, to * to]).permute([0, 2, 1])], 1);
}
