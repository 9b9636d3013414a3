import { tensor, type DataLoader, type Device } from "mutual-channel-loss";
import { Batch } from "mutual-channel-loss/data";

/** A batch as plain numbers. */
export interface FixedBatch {
  /** Of shape [labels.length, ...shape]. */
  images: Float32Array | Float64Array;
  shape: readonly number[];
  labels: readonly number[];
  /** Each image's file. Default: its place in the batch. */
  paths?: readonly string[];
}

/** As much of a loader as training without a run folder uses: the same batches in each epoch. */
export function fixedLoader(batches: readonly FixedBatch[], device: Device = "cpu"): DataLoader {
  async function* epoch() {
    for (const { images, shape, labels, paths } of batches) {
      const samples = labels.map((label, i) => ({ label, path: paths?.[i] ?? String(i) }));
      const input = tensor(images, { shape: [labels.length, ...shape], device });
      const classes = tensor(Int32Array.from(labels), { dtype: "int64", device });
      yield await Promise.resolve(new Batch(input, classes, samples));
    }
  }
  const length = batches.length;
  const loader = { device, length, epoch: 0, skipped: [], batches: epoch, [Symbol.asyncIterator]: epoch };
  return loader as unknown as DataLoader;
}
