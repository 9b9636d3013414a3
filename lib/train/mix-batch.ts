import { native } from "../native/binding.js";
import { count, index, optionsOf, parseOptions } from "../schema.js";
import { checkFloating, checkTensor } from "../tensor/check-tensor.js";
import { Tensor } from "../tensor/tensor.js";
import { BatchMixer } from "./batch-mixer.js";
import type { Mixing } from "./mixing/definition.js";
import { mixingList, type MixingSpec } from "./mixings.js";

/** Options of {@link mixBatch}. */
export interface MixBatchOptions {
  /** The ways to mix, one of which is drawn. */
  mix: readonly MixingSpec[];
  /** How many classes there are. */
  classes: number;
  /** Default 0. */
  seed?: number;
  /** From 1, as the trainer counts. */
  epoch: number;
  /** The batch's place in its epoch, from 0. */
  position: number;
}

/** A mixed batch, and how it was mixed. */
export interface MixedBatch extends Mixing {
  /** As the images given. */
  images: Tensor;
  /** [N, classes] of a floating-point type: how much of each class an image is. */
  targets: Tensor;
}

const schema = optionsOf<MixBatchOptions>({
  mix: mixingList,
  classes: count,
  seed: index.optional(),
  epoch: index,
  position: index,
});

/**
 * Mixes the images [N, C, H, W] of a batch and their labels, int64 [N], as a {@link Trainer} with the option `mix` does: each
 * with the one before it. For a loop of one's own; {@link mcLoss} and `crossEntropyLoss` take the targets.
 * @throws McLossError ERR_ARGUMENT naming the option
 */
export async function mixBatch(
  images: Tensor,
  labels: Tensor,
  options: MixBatchOptions,
): Promise<MixedBatch> {
  checkFloating("images", images);
  checkTensor("labels", labels);
  const { mix, classes, seed = 0, epoch, position } = parseOptions(schema, options);
  const [height = 0, width = 0] = images.shape.slice(2);
  const mixing = new BatchMixer(mix, seed).draw(epoch, position, { height, width });
  const mixed = await native().mixBatch(images.handle, labels.handle, nativeMixing(mixing, classes));
  return { ...mixing, images: new Tensor(mixed.images), targets: new Tensor(mixed.targets) };
}

/** What native/train takes. */
export function nativeMixing({ share, box }: Mixing, classes: number) {
  return { classes, share, box: box && [box.top, box.left, box.height, box.width] };
}
