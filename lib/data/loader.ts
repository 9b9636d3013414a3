import { invalidArgument, McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { tensor } from "../tensor/creation.js";
import { checkDevice, type Device } from "../tensor/dtype.js";
import { Tensor } from "../tensor/tensor.js";
import { drawAugmentation, type Augmentation } from "./augment.js";
import type { Dataset, Sample } from "./dataset.js";
import { decodeImage } from "./decode.js";
import { prefetch } from "./prefetch.js";
import { randomAt, shuffled } from "./random.js";
import { buildPipeline, type Pipeline, type TransformSpec } from "./transforms.js";

export interface DataLoaderOptions {
  batchSize: number;
  /** A resize, any random transforms, and a normalize. */
  transforms: readonly TransformSpec[];
  /** Another order in every epoch. Default false. */
  shuffle?: boolean;
  /** Of the order and the augmentation. Default 0. */
  seed?: number;
  /** Leaves out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /** Batches made ready while one is being used. Default 2. */
  prefetch?: number;
  /** Memory for decoded images, in bytes; what does not fit is decoded again in every epoch. Default 512 MiB. */
  cacheBytes?: number;
  /** "error" (default) stops at an unreadable image; "skip" leaves it out and lists it in `skipped`. */
  onBadImage?: "error" | "skip";
  /** Where the batches go. Default "cpu". */
  device?: Device;
}

/** Images with labels, ready for a model. */
export class Batch {
  constructor(
    /** float32 [N, 3, H, W], augmented and normalised. */
    readonly images: Tensor,
    /** int64 [N] */
    readonly labels: Tensor,
    readonly paths: readonly string[],
  ) {}

  get size(): number {
    return this.paths.length;
  }

  dispose(): void {
    this.images.dispose();
    this.labels.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface DecodedSample extends Sample {
  pixels: Uint8Array;
  augmentation: Augmentation;
}

/** Skipped images are reported when their batch's turn comes, so that their order does not depend on timing. */
interface Assembled {
  /** Absent where every image was skipped. */
  batch?: Batch;
  unreadable: UnreadableSample[];
}

interface UnreadableSample {
  index: number;
  path: string;
  reason: string;
}

/**
 * Batches of a data set, once through per iteration. Images are decoded off-thread and the next batches are made
 * ready while one is in use. The same seed gives the same batches, whatever the prefetching.
 */
export class DataLoader implements AsyncIterable<Batch> {
  /** Which shuffling and augmentation the next iteration uses; each iteration adds one. */
  epoch = 0;
  /** Images that could not be read, where `onBadImage` is "skip". */
  readonly skipped: { path: string; reason: string }[] = [];
  readonly #dataset: Dataset;
  readonly #options: Required<Omit<DataLoaderOptions, "transforms">>;
  readonly #pipeline: Pipeline;
  readonly #bad = new Set<number>();
  readonly #cache = new Map<number, Uint8Array>();
  #cachedBytes = 0;

  constructor(dataset: Dataset, options: DataLoaderOptions) {
    const { transforms, ...rest } = options;
    this.#dataset = dataset;
    this.#pipeline = buildPipeline(transforms);
    this.#options = {
      shuffle: false,
      seed: 0,
      dropLast: false,
      prefetch: 2,
      cacheBytes: 512 * 2 ** 20,
      onBadImage: "error",
      device: "cpu",
      ...rest,
    };
    checkCount("batchSize", this.#options.batchSize, 1);
    checkCount("prefetch", this.#options.prefetch, 0);
    checkCount("seed", this.#options.seed, 0);
    checkCount("cacheBytes", this.#options.cacheBytes, 0);
    checkPolicy(this.#options.onBadImage);
    checkDevice("device", this.#options.device);
    if (this.length > 0) return;
    const { batchSize, dropLast } = this.#options;
    const text = `dataset gives no batch: ${dataset.length} images, batchSize ${batchSize}, dropLast ${dropLast}`;
    throw new McLossError("ERR_DATASET", text, { argument: "dataset" });
  }

  /** Batches per epoch. Fewer come where images are skipped. */
  get length(): number {
    const batches = this.#dataset.length / this.#options.batchSize;
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, void> {
    const epoch = this.epoch;
    this.epoch += 1;
    const batches = this.#plan(epoch).map((indices) => () => this.#assemble(indices, epoch));
    for await (const { batch, unreadable } of prefetch(batches, this.#options.prefetch, discard)) {
      unreadable.forEach((sample) => this.#skip(sample));
      if (batch) yield batch;
    }
    if (this.#bad.size === this.#dataset.length) throw this.#nothingReadable();
  }

  /** The epoch's sample numbers, batch by batch. */
  #plan(epoch: number): number[][] {
    const { batchSize, dropLast, shuffle, seed } = this.#options;
    const count = this.#dataset.length;
    const order = shuffle
      ? shuffled(count, randomAt(seed, epoch))
      : Array.from({ length: count }, (_, i) => i);
    const good = order.filter((index) => !this.#bad.has(index));
    const batches = dropLast ? Math.floor(good.length / batchSize) : Math.ceil(good.length / batchSize);
    return Array.from({ length: batches }, (_, i) => good.slice(i * batchSize, (i + 1) * batchSize));
  }

  async #assemble(indices: readonly number[], epoch: number): Promise<Assembled> {
    const decoded = await Promise.all(indices.map((index) => this.#decode(index, epoch)));
    const samples = decoded.filter((sample) => "pixels" in sample);
    const unreadable = decoded.filter((sample) => "reason" in sample);
    if (samples.length === 0) return { unreadable };
    const { device } = this.#options;
    const images = await this.#prepare(samples);
    const labels = tensor(
      Int32Array.from(samples, (sample) => sample.label),
      { dtype: "int64", device },
    );
    const paths = samples.map((sample) => sample.path);
    return { batch: new Batch(images, labels, paths), unreadable };
  }

  async #decode(index: number, epoch: number): Promise<DecodedSample | UnreadableSample> {
    const { path, label } = this.#checkedSample(index);
    const random = randomAt(this.#options.seed, epoch, index);
    const augmentation = drawAugmentation(this.#pipeline, random);
    try {
      return { path, label, augmentation, pixels: await this.#pixels(index, path) };
    } catch (error) {
      if (this.#options.onBadImage === "error" || !(error instanceof McLossError)) throw error;
      return { index, path, reason: error.cause instanceof Error ? error.cause.message : error.message };
    }
  }

  #skip({ index, path, reason }: UnreadableSample): void {
    if (this.#bad.has(index)) return;
    this.#bad.add(index);
    this.skipped.push({ path, reason });
  }

  #nothingReadable(): McLossError {
    const [first] = this.skipped;
    const example = first ? `, for example ${first.path}: ${first.reason}` : "";
    const text = `none of the ${this.#dataset.length} images could be read${example}; check the files' format`;
    return new McLossError("ERR_DATASET", text, { argument: "dataset" });
  }

  #checkedSample(index: number): Sample {
    const sample = this.#dataset.sample(index);
    const classes = this.#dataset.classes.length;
    if (Number.isInteger(sample.label) && sample.label >= 0 && sample.label < classes) return sample;
    const text = `sample ${index} (${sample.path}) has the label ${sample.label}, but there are ${classes} classes`;
    throw new McLossError("ERR_DATASET", text, { path: sample.path });
  }

  async #pixels(index: number, path: string): Promise<Uint8Array> {
    const cached = this.#cache.get(index);
    if (cached) return cached;
    const pixels = await decodeImage(path, this.#pipeline.resize);
    if (this.#cachedBytes + pixels.byteLength <= this.#options.cacheBytes) {
      this.#cache.set(index, pixels);
      this.#cachedBytes += pixels.byteLength;
    }
    return pixels;
  }

  async #prepare(samples: readonly DecodedSample[]): Promise<Tensor> {
    const { height, width } = this.#pipeline.resize;
    const imageBytes = height * width * 3;
    const pixels = new Uint8Array(samples.length * imageBytes);
    samples.forEach((sample, i) => pixels.set(sample.pixels, i * imageBytes));
    const handle = await native().prepareImages({
      pixels,
      shape: [samples.length, height, width, 3],
      ...this.#augmentation(samples),
      mean: this.#pipeline.normalize.mean,
      std: this.#pipeline.normalize.std,
      fill: this.#pipeline.fill,
      device: this.#options.device,
    });
    return new Tensor(handle);
  }

  /** Only what the pipeline changes, so that evaluation interpolates nothing. */
  #augmentation(samples: readonly DecodedSample[]) {
    const kinds = new Set(this.#pipeline.random.map((transform) => transform.type));
    const colored = kinds.delete("colorJitter");
    const warped = kinds.size > 0;
    const gather = (values: (augmentation: Augmentation) => readonly number[]) =>
      Float32Array.from(samples.flatMap((sample) => values(sample.augmentation)));
    return {
      ...(warped ? { theta: gather(({ theta }) => theta) } : {}),
      ...(colored
        ? { color: gather(({ color }) => color), contrast: gather(({ contrast }) => [contrast]) }
        : {}),
    };
  }
}

function discard({ batch }: Assembled): void {
  batch?.dispose();
}

function checkPolicy(policy: string): void {
  if (policy === "error" || policy === "skip") return;
  throw invalidArgument("onBadImage", `must be "error" or "skip", got "${policy}"`);
}

function checkCount(argument: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw invalidArgument(argument, `must be an integer of at least ${least}, got ${value}`);
}
