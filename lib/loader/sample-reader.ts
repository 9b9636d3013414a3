import { McLossError } from "../errors.js";
import type { Augmentation } from "../image/augment.js";
import type { Dataset, Sample } from "../data/dataset.js";
import { decodeSample, imageError, readHeader, type DecodePlan, type ImageSource } from "../image/decode.js";
import { DiskCache, type DiskCacheOptions } from "./disk-cache.js";
import { MemoryCache } from "./memory-cache.js";
import type { DamagePolicy, ImageHeader } from "../image/open-image.js";
import type { Pipeline } from "../image/pipeline.js";
import { drawSample } from "../image/plan.js";
import type { Random } from "../image/random.js";
import { readEncoded } from "../image/read-encoded.js";

export interface SampleReaderOptions {
  cacheBytes: number;
  /** Default "error". */
  damage?: DamagePolicy;
  diskCache?: DiskCacheOptions | undefined;
}

/** What came of a sample, beside its pixels. */
export interface ReadSample {
  /** What the device has to do with them. */
  augmentation: Augmentation;
  /** What was wrong with an image that was repaired; told when it is decoded, not when it is still kept. */
  repaired: string | undefined;
}

/** Brings samples into their places in a batch's buffer. */
export class SampleReader<T extends Sample> {
  readonly #dataset: Dataset<T>;
  readonly #pipeline: Pipeline;
  readonly #damage: DamagePolicy;
  readonly #memory: MemoryCache;
  readonly #disk: DiskCache | undefined;
  readonly #headers = new Map<number, ImageHeader>();

  constructor(
    dataset: Dataset<T>,
    pipeline: Pipeline,
    { cacheBytes, damage = "error", diskCache }: SampleReaderOptions,
  ) {
    this.#dataset = dataset;
    this.#pipeline = pipeline;
    this.#damage = damage;
    this.#memory = new MemoryCache(cacheBytes);
    this.#disk = diskCache && new DiskCache(diskCache);
  }

  /** @throws McLossError ERR_DATASET where the label is no class */
  sample(index: number): T {
    const sample = this.#dataset.sample(index);
    const classes = this.#dataset.classes.length;
    if (Number.isInteger(sample.label) && sample.label >= 0 && sample.label < classes) return sample;
    const text = `sample ${index} (${sample.path}) has the label ${sample.label}, but there are ${classes} classes`;
    throw new McLossError("ERR_DATASET", text, { path: sample.path });
  }

  /**
   * Writes a sample's pixels into `target`.
   * @throws McLossError ERR_IMAGE naming the image, ERR_IO where the cache's folder cannot be used
   */
  async read(sample: T, index: number, random: Random, target: Uint8Array): Promise<ReadSample> {
    let bytes: Promise<Uint8Array> | undefined;
    const source = () => (bytes ??= readEncoded(sample.source ?? sample.path, this.#pipeline.limits));
    try {
      const trim = { bottom: sample.trim?.bottom ?? 0 };
      const header =
        this.#pipeline.needsSize || trim.bottom > 0 ? await this.#header(index, source) : undefined;
      const { decode, augmentation } = drawSample(this.#pipeline, random, header, trim);
      const repaired = decode.fixed
        ? await this.#readFixed(sample, index, source, decode, target)
        : await decodeSample(source, decode, target, this.#damage);
      return { augmentation, repaired };
    } catch (error) {
      throw named(error, sample.path);
    }
  }

  async #readFixed(
    sample: T,
    index: number,
    source: ImageSource,
    decode: DecodePlan,
    target: Uint8Array,
  ): Promise<string | undefined> {
    if (this.#memory.read(index, target)) return undefined;
    const key = await this.#keyOf(sample, decode);
    let repaired: string | undefined;
    if (key === undefined || !(await this.#disk?.read(key, target))) {
      repaired = await decodeSample(source, decode, target, this.#damage);
      // Others who share the folder may not want it.
      if (key !== undefined && repaired === undefined) await this.#disk?.write(key, target);
    }
    this.#memory.write(index, target);
    return repaired;
  }

  async #header(index: number, source: ImageSource): Promise<ImageHeader> {
    const known = this.#headers.get(index);
    if (known) return known;
    const header = await readHeader(source, this.#pipeline.limits);
    if (this.#pipeline.fixed) this.#headers.set(index, header);
    return header;
  }

  /** Only files have an identity. */
  async #keyOf(sample: T, decode: DecodePlan): Promise<string | undefined> {
    const file = sample.source ?? sample.path;
    if (typeof file !== "string") return undefined;
    return this.#disk?.keyOf(file, decode);
  }
}

/** The same error about the image of this name. */
function named(error: unknown, path: string): unknown {
  if (!(error instanceof McLossError)) return imageError(path, error);
  if (error.code !== "ERR_IMAGE" || error.path !== undefined) return error;
  if (error.cause !== undefined) return imageError(path, error.cause);
  return new McLossError("ERR_IMAGE", `${path}: ${error.message}`, { path });
}
