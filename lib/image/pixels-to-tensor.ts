import { native } from "../native/binding.js";
import type { Device } from "../native/dtype.js";
import { Tensor } from "../tensor/tensor.js";
import type { Augmentation } from "./augmentation.js";
import type { Pipeline } from "./pipeline.js";

/**
 * Makes a batch's tensor of decoded pixels: float32 [N, 3, H, W] in channels-last memory, augmented and normalised, or
 * [N, V, 3, H, W] where the pipeline makes V views of each image.
 * @param pixels uint8 `shape`, as decodeSample() wrote them; must not change until the promise is settled
 * @param shape [N·V, height, width, 3] of `pipeline.output`
 */
export async function prepareBatch(
  pipeline: Pipeline,
  pixels: Uint8Array,
  shape: readonly number[],
  augmentations: readonly Augmentation[],
  device: Device,
): Promise<Tensor> {
  const { mean, std } = pipeline.normalize;
  const { height, width } = pipeline.input;
  const handle = await native().prepareImages({
    pixels,
    shape,
    size: [height, width],
    ...geometry(pipeline, augmentations),
    ...colors(pipeline, augmentations),
    ...erasing(pipeline, augmentations),
    mean,
    std,
    fill: pipeline.fill,
    device,
  });
  const images = new Tensor(handle);
  if (!pipeline.views) return images;
  using flat = images;
  return flat.view([augmentations.length, pipeline.viewCount, 3, height, width]);
}

/** Only what the pipeline changes, so that evaluation interpolates nothing. */
function geometry(pipeline: Pipeline, augmentations: readonly Augmentation[]) {
  if (pipeline.warped) return { theta: gather(augmentations, ({ theta }) => theta) };
  const { mirrored } = pipeline;
  const windows = augmentations.flatMap(({ top, left, flipped }) =>
    mirrored.flatMap((mirror) => [top, left, Number(mirror !== flipped)]),
  );
  return { windows: Int32Array.from(windows) };
}

function colors(pipeline: Pipeline, augmentations: readonly Augmentation[]) {
  if (!pipeline.colored) return {};
  return {
    color: gather(augmentations, ({ color }) => color),
    contrast: gather(augmentations, ({ contrast }) => [contrast]),
  };
}

function erasing(pipeline: Pipeline, augmentations: readonly Augmentation[]) {
  if (!pipeline.erasing) return {};
  const boxes = augmentations.flatMap(({ erased }) =>
    erased ? [erased.top, erased.left, erased.height, erased.width] : [0, 0, 0, 0],
  );
  return { erased: Int32Array.from(boxes), erasedColor: pipeline.erased };
}

function gather(
  augmentations: readonly Augmentation[],
  values: (augmentation: Augmentation) => readonly number[],
) {
  return Float32Array.from(augmentations.flatMap((augmentation) => [...values(augmentation)]));
}
