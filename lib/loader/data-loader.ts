import pLimit from "p-limit";
import { z } from "zod";
import { throwIfAborted } from "../abort.js";
import { invalidArgument, McLossError } from "../errors.js";
import { BAD_IMAGE_POLICIES, type BadImagePolicy, type SkippedImage } from "./bad-images.js";
import { count, flag, index, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { deviceSchema, type Device } from "../native/dtype.js";
import { precisionSchema, type Precision } from "../tensor/precision.js";
import { Batch } from "./batch.js";
import { EpochBatches, type EpochBatchesOptions, type Portion } from "./epoch-batches.js";
import { SampleQueue } from "./sample-queue.js";
import { countClasses, type Dataset, type Sample } from "../data/dataset.js";
import {
  CACHE_KINDS,
  cacheSettings,
  findCacheCost,
  type CacheCost,
  type CacheKind,
  type CacheSettings,
} from "./cache-kind.js";
import type { DiskCacheOptions } from "./disk-cache.js";
import { givenLimits, imageLimitShape, type ImageLimitOptions } from "../image/limits.js";
import { describeSampler, type LoaderDescription } from "./loader-description.js";
import { parseLoaderState, type LoaderState } from "./loader-state.js";
import { buildPipeline, type Pipeline } from "../image/pipeline.js";
import { prefetch } from "../prefetch.js";
import { randomAt } from "../image/random.js";
import { SampleReader } from "./sample-reader.js";
import { allSamplers, samplerOf, type Sampler, type SamplerSpec } from "./sampler.js";
import { transformList, type TransformSpec } from "../image/transforms.js";
import { allowImageThreads, defaultWorkers } from "./workers.js";
import { shown } from "../shown.js";

/** Options of {@link DataLoader}. */
export interface DataLoaderOptions extends ImageLimitOptions {
  /** Images in a batch; the last may have fewer. */
  batchSize: number;
  /** A resize or a crop, any random transforms, and a normalize. */
  transforms: readonly TransformSpec[];
  /** Short for `sampler: samplers.shuffle()`. Default false. */
  shuffle?: boolean;
  /** Which samples an epoch has, in which order. Default: the data set's, or shuffled with `shuffle`. */
  sampler?: SamplerSpec;
  /** Of the order and the augmentation. Default: that of the {@link Trainer} that reads it, or else 0. */
  seed?: number;
  /** Leaves out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /**
   * Batches made ready while one is being used. Default 2. It bounds the memory: no more than `prefetch` + 2 batches
   * of pixels and of tensors exist at a time, however slow the training is.
   */
  prefetch?: number;
  /**
   * Images that are under way at once. JPEGs are read and decoded on a thread for each core, or as many as this says if
   * that is more, as for files that come slowly over a network. Default: two for each core.
   */
  workers?: number;
  /**
   * Memory for decoded images, in bytes; what does not fit is decoded again in every epoch. Default 512 MiB, or half of
   * what is free where `cache` is "ram". Without `cache`, images that are decoded differently in every epoch, as a random
   * crop of an image, are not kept.
   */
  cacheBytes?: number;
  /**
   * Keeps images decoded, or resized where every epoch resizes them alike, so that only the first epoch decodes: in "ram",
   * up to `cacheBytes`, or on the "disk", in the folder of `diskCache` or else the package's cache. Every batch is the same
   * as without it. Default: none. See also {@link DataLoader.cacheCost}.
   */
  cache?: CacheKind;
  /** A folder for decoded images, which outlives the process. Default: none. */
  diskCache?: DiskCacheOptions;
  /**
   * "error" (default) stops at an unreadable image; "skip" lists it in `skipped` and takes the next one, so that
   * batches are full; "repair" decodes what is there of a damaged one, as Pillow does with LOAD_TRUNCATED_IMAGES, lists
   * it in `repaired`, and skips what cannot be decoded at all.
   */
  onBadImage?: BadImagePolicy;
  /** Where the batches go. Default "cpu". To a GPU they are copied while it computes. */
  device?: Device;
  /**
   * Of the images. Default "float32". With a network that computes in less, the same numbers come of that type as of
   * "float32", in half the memory.
   */
  dtype?: Precision;
}

/** Options of {@link DataLoader.batches}. */
export interface BatchesOptions {
  /** Ends the iteration with ERR_ABORTED. */
  signal?: AbortSignal | undefined;
  /** Of the order and the augmentation, where the loader was given none. Default 0. */
  seed?: number | undefined;
}

/**
 * Batches of a data set, once through per iteration. Images are decoded off-thread and the next batches are made
 * ready while one is in use. The same seed gives the same batches, whatever the prefetching, the workers and the caches.
 */
export class DataLoader<T extends Sample = Sample> implements AsyncIterable<Batch<T>> {
  /** Images that could not be read, where `onBadImage` is not "error", in the order in which they were met. */
  readonly skipped: SkippedImage[] = [];
  /** Damaged images that were read as far as they could be, where `onBadImage` is "repair", likewise. */
  readonly repaired: SkippedImage[] = [];
  readonly #dataset: Dataset<T>;
  readonly #options: typeof DEFAULTS & Pick<DataLoaderOptions, "batchSize" | "seed"> & ImageLimitOptions;
  readonly #transforms: readonly TransformSpec[];
  readonly #sampler: Sampler;
  readonly #pipeline: Pipeline;
  readonly #cache: CacheKind | undefined;
  readonly #cacheSettings: CacheSettings;
  readonly #reader: SampleReader<T>;
  readonly #batching: EpochBatchesOptions;
  readonly #bad = new Set<number>();
  readonly #damaged = new Set<number>();
  #seed: number;
  #epoch = 0;
  /** Where in its epoch the next iteration begins. */
  #start = 0;
  #reached = { epoch: 0, position: 0 };

  /** @throws McLossError ERR_ARGUMENT naming the option, ERR_DATASET where the data set gives no batch */
  constructor(dataset: Dataset<T>, given: DataLoaderOptions) {
    checkDataset(dataset);
    const options = parseOptions(loaderOptions, given);
    const { transforms, cache, cacheBytes, diskCache, sampler, shuffle = false, ...others } = options;
    this.#dataset = dataset;
    this.#options = { ...DEFAULTS, workers: defaultWorkers(), ...others };
    this.#transforms = transforms;
    this.#sampler = samplerOf(sampler ?? { type: shuffle ? "shuffle" : "sequential" }, dataset);
    this.#seed = this.#options.seed ?? 0;
    const cached = diskCache !== undefined || cache !== undefined;
    this.#pipeline = buildPipeline(transforms, { cached, ...givenLimits(others) });
    const { batchSize, device, dtype, onBadImage, workers } = this.#options;
    const damage = onBadImage === "repair" ? "repair" : "error";
    this.#cache = cache;
    this.#cacheSettings = cacheSettings(cache, { cacheBytes, diskCache });
    this.#reader = new SampleReader(dataset, this.#pipeline, { ...this.#cacheSettings, damage });
    const limit = pLimit(workers);
    this.#batching = { batchSize, device, dtype, onBadImage, limit };
    if (this.length > 0) return;
    const text = `dataset gives no batch: ${dataset.length} images, batchSize ${batchSize}, dropLast ${this.#options.dropLast}`;
    throw new McLossError("ERR_DATASET", text, { argument: "dataset" });
  }

  /** Where the batches are. */
  get device(): Device {
    return this.#options.device;
  }

  /** The data set's. */
  get classes(): readonly string[] {
    return this.#dataset.classes;
  }

  /** How many images of the data set each class has, by its label; a sampler may take them more or less often. */
  classCounts(): number[] {
    return countClasses(this.#dataset);
  }

  /** Batches per epoch. Fewer come where images are skipped, unless the sampler is distributed. */
  get length(): number {
    const batches = this.#sampler.count() / this.#options.batchSize;
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Which order and augmentation the next iteration uses; each iteration adds one. */
  get epoch(): number {
    return this.#epoch;
  }

  /** @throws McLossError ERR_ARGUMENT for anything but an integer of at least 0 */
  set epoch(epoch: number) {
    checkCount("epoch", epoch, 0);
    if (epoch !== this.#epoch) this.#start = 0;
    this.#epoch = epoch;
  }

  /**
   * What keeping all images takes, about, and how much room there is; some images' headers are read. Undefined without the
   * option `cache`.
   */
  async cacheCost(): Promise<CacheCost | undefined> {
    if (this.#cache === undefined) return undefined;
    return findCacheCost(this.#dataset, this.#pipeline, this.#cache, this.#cacheSettings);
  }

  /** What decides which batches it yields, as plain data: `run.json` has it of the loaders of a run. */
  describe(): LoaderDescription {
    const { batchSize, dropLast, seed, onBadImage, dtype } = this.#options;
    return {
      samples: this.#dataset.length,
      batchSize,
      dropLast,
      sampler: describeSampler(this.#sampler.spec),
      transforms: this.#transforms,
      seed,
      onBadImage,
      dtype,
      ...givenLimits(this.#options),
    };
  }

  /** Where the loader is, after the batch that it yielded last. */
  state(): LoaderState {
    return {
      ...this.#reached,
      seed: this.#seed,
      samples: this.#dataset.length,
      skipped: [...this.skipped],
      repaired: [...this.repaired],
    };
  }

  /**
   * Lets the next iteration go on where `state` was taken: it yields what would have come then. Give the loader the
   * same data set, sampler and transforms; batch size and prefetching may differ ({@link Trainer.fit} wants the same batch size).
   * @throws McLossError ERR_ARGUMENT where `state` is not one, or of a data set of another size
   */
  restore(state: LoaderState): void {
    const { epoch, position, seed, samples, skipped, repaired } = parseLoaderState(state);
    if (samples !== this.#dataset.length) {
      const text = `is of a data set of ${samples} images, but this one has ${this.#dataset.length}`;
      throw invalidArgument("state", text);
    }
    this.#seed = seed;
    this.#epoch = epoch;
    this.#start = position;
    this.#reached = { epoch, position };
    this.#bad.clear();
    this.skipped.length = 0;
    this.#damaged.clear();
    this.repaired.length = 0;
    skipped.forEach((image) => this.#skip(image));
    repaired.forEach((image) => this.#noteRepair(image));
  }

  /** As {@link batches} without options. */
  [Symbol.asyncIterator](): AsyncGenerator<Batch<T>, void, void> {
    return this.batches();
  }

  /**
   * As iterating the loader itself.
   * @throws McLossError ERR_IMAGE, ERR_DATASET, ERR_IO or ERR_ABORTED
   */
  async *batches({ signal, seed }: BatchesOptions = {}): AsyncGenerator<Batch<T>, void, void> {
    const epoch = this.#epoch;
    if (seed !== undefined && this.#options.seed === undefined) this.#seed = seed;
    const queue = this.#queue(epoch);
    if (this.#options.workers > defaultWorkers()) allowImageThreads(this.#options.workers);
    const plan = { epoch, seed: this.#seed, queue };
    const run = new EpochBatches(this.#reader, this.#pipeline, this.#batching, plan);
    const stop = () => run.stop(interrupted(signal));
    signal?.addEventListener("abort", stop);
    const portions = prefetch(() => run.next(), this.#options.prefetch, discard);
    const waiting: Portion<T> = [];
    try {
      throwIfAborted(signal, READING);
      this.#epoch = epoch + 1;
      this.#start = 0;
      for (let next = await portions.next(); !next.done; next = await portions.next()) {
        for (const made of next.value) waiting.push(made);
        throwIfAborted(signal, READING);
        yield* this.#deliver(waiting, epoch);
      }
      for (const made of await run.finish(this.#options.dropLast)) waiting.push(made);
      yield* this.#deliver(waiting, epoch);
      this.#reached = { epoch: epoch + 1, position: 0 };
    } finally {
      signal?.removeEventListener("abort", stop);
      stop();
      await portions.return();
      discard(waiting);
    }
    if (this.#bad.size === this.#dataset.length) throw this.#nothingReadable();
  }

  async *#deliver(waiting: Portion<T>, epoch: number): AsyncGenerator<Batch<T>, void, void> {
    for (let made = waiting.shift(); made; made = waiting.shift()) {
      made.unreadable.forEach((image) => this.#skip(image));
      made.repaired.forEach((image) => this.#noteRepair(image));
      if (!made.prepared) continue;
      const batch = await made.prepared.join();
      this.#reached = { epoch, position: made.end };
      yield batch;
    }
  }

  #queue(epoch: number): SampleQueue {
    const order = this.#sampler.draw(randomAt(this.#seed, epoch));
    const { batchSize, dropLast } = this.#options;
    const { refill } = this.#sampler;
    const isBad = (index: number) => this.#bad.has(index);
    return new SampleQueue(order, { batchSize, dropLast, refill, isBad, start: this.#start });
  }

  #skip(image: SkippedImage): void {
    if (this.#bad.has(image.index)) return;
    this.#bad.add(image.index);
    this.skipped.push(image);
  }

  #noteRepair(image: SkippedImage): void {
    if (this.#damaged.has(image.index)) return;
    this.#damaged.add(image.index);
    this.repaired.push(image);
  }

  #nothingReadable(): McLossError {
    const [first] = this.skipped;
    const example = first ? `, for example ${first.path}: ${first.reason}` : "";
    const text = `none of the ${this.#dataset.length} images could be read${example}; check the files' format`;
    return new McLossError("ERR_DATASET", text, { argument: "dataset" });
  }
}

const loaderOptions = optionsOf<DataLoaderOptions>({
  ...imageLimitShape,
  batchSize: count,
  transforms: transformList,
  shuffle: flag.optional(),
  sampler: allSamplers.given.optional(),
  seed: index.optional(),
  dropLast: flag.optional(),
  prefetch: index.optional(),
  workers: count.optional(),
  cacheBytes: index.optional(),
  cache: z.enum(CACHE_KINDS).optional(),
  diskCache: z
    .strictObject({ dir: text, bytes: index.optional() } satisfies Shape<DiskCacheOptions>)
    .optional(),
  onBadImage: z.enum(BAD_IMAGE_POLICIES).optional(),
  device: deviceSchema.optional(),
  dtype: precisionSchema.optional(),
});

function checkDataset(dataset: unknown): void {
  if (typeof dataset === "object" && dataset !== null && "sample" in dataset && "length" in dataset) return;
  throw invalidArgument("dataset", "must be a data set: await ImageFolder.open(dir), or one of your own");
}

const READING = "reading the data";

const DEFAULTS = {
  dropLast: false,
  prefetch: 2,
  workers: 0,
  onBadImage: "error" as BadImagePolicy,
  device: "cpu" as Device,
  dtype: "float32" as Precision,
};

function discard(portion: Portion<Sample>): void {
  for (const { prepared } of portion) prepared?.dispose();
}

function interrupted(signal: AbortSignal | undefined): McLossError {
  return new McLossError("ERR_ABORTED", `${READING} was interrupted`, { cause: signal?.reason });
}

function checkCount(argument: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw invalidArgument(argument, `must be an integer of at least ${least}, got ${shown(value)}`);
}
