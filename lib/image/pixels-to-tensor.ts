import { native, type BatchTransferHandle } from "../native/binding.js";
import type { Device } from "../native/dtype.js";
import type { Precision } from "../tensor/precision.js";
import { Tensor } from "../tensor/tensor.js";
import type { Augmentation } from "./augmentation.js";
import type { Pipeline } from "./pipeline.js";

/** What beside its pixels a sample may take in a batch's memory: its augmentation and its label, in bytes. */
const BYTES_BESIDE = 128;

/** What a batch takes in the memory that it goes to the device from, in bytes. */
export function batchBytes(pipeline: Pipeline, samples: number): number {
  return samples * (pipeline.sampleBytes + pipeline.viewCount * BYTES_BESIDE) + 1024;
}

/** A batch of decoded images. */
export interface DecodedBatch {
  /** As EncodedImage.decode() wrote them, one after another. */
  pixels: Uint8Array;
  /** Of each image. */
  augmentations: readonly Augmentation[];
  labels?: Int32Array;
  /** {@link batchBytes} that begin with the pixels. Without it they are copied once more on their way to a GPU. */
  memory?: Uint8Array;
}

/** A batch on its way to its device, which prepares it beside what it computes meanwhile. */
export class BatchTransfer {
  readonly #handle: BatchTransferHandle;
  readonly #views: readonly number[];

  /** @param views the first dimensions of the images, where there are several views of each */
  constructor(handle: BatchTransferHandle, views: readonly number[]) {
    this.#handle = handle;
    this.#views = views;
  }

  /** The images and their labels, once. Nothing waits but what the device computes from them. */
  async join(): Promise<{ images: Tensor; labels: Tensor | undefined }> {
    const { images, labels } = await native().joinBatch(this.#handle);
    return {
      images: this.#unflattened(new Tensor(images)),
      labels: labels === null ? undefined : new Tensor(labels),
    };
  }

  /** Whether the batch's memory may be written again. */
  get isOver(): boolean {
    return native().isOver(this.#handle);
  }

  /** Frees what was not joined. May be called again. */
  dispose(): void {
    native().dispose(this.#handle);
  }

  #unflattened(images: Tensor): Tensor {
    if (this.#views.length === 0) return images;
    using flat = images;
    return flat.unflatten(0, this.#views);
  }
}

/**
 * Begins to make a batch's tensor of decoded pixels: [N, 3, H, W] in channels-last memory, augmented and normalised, or
 * [N, V, 3, H, W] where the pipeline makes V views of each image. The pixels must not change until the transfer is over.
 */
export async function sendBatch(
  pipeline: Pipeline,
  { pixels, augmentations, labels, memory }: DecodedBatch,
  { device, dtype = "float32" }: { device: Device; dtype?: Precision },
): Promise<BatchTransfer> {
  const { mean, std } = pipeline.normalize;
  const { height, width } = pipeline.input;
  const { output, viewCount } = pipeline;
  const handle = await native().sendBatch({
    pixels,
    memory,
    labels,
    shape: [augmentations.length * viewCount, output.height, output.width, 3],
    size: [height, width],
    ...geometry(pipeline, augmentations),
    ...colors(pipeline, augmentations),
    ...erasing(pipeline, augmentations),
    mean,
    std,
    fill: pipeline.fill,
    dtype,
    device,
  });
  return new BatchTransfer(handle, pipeline.views ? [augmentations.length, viewCount] : []);
}

/** The images of a batch that is wanted at once. */
export async function prepareBatch(pipeline: Pipeline, batch: DecodedBatch, device: Device): Promise<Tensor> {
  const transfer = await sendBatch(pipeline, batch, { device });
  try {
    return (await transfer.join()).images;
  } finally {
    transfer.dispose();
  }
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
