import type { Tensor } from "../tensor/tensor.js";
import type { Sample } from "../data/dataset.js";

/** Images with labels, ready for a model. */
export class Batch<T extends Sample = Sample> {
  constructor(
    /** [N, 3, H, W], augmented and normalised; [N, V, 3, H, W] where the transforms make V views of each. */
    readonly images: Tensor,
    /** int64 [N] */
    readonly labels: Tensor,
    readonly samples: readonly T[],
  ) {}

  /** How many images. */
  get size(): number {
    return this.samples.length;
  }

  /** The images' files, or their names where they come from elsewhere. */
  get paths(): readonly string[] {
    return this.samples.map(({ path }) => path);
  }

  /** Frees the images and the labels. May be called again. */
  dispose(): void {
    this.images.dispose();
    this.labels.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
