import { McLossError } from "../errors.js";
import { encodedImageOf, trimOf, type Dataset, type Sample } from "../data/dataset.js";
import type { Augmentation } from "../image/augmentation.js";
import type { DecodePlan } from "../image/decode.js";
import { decodedPlace, editPixels } from "../image/edit-pixels.js";
import type { EncodedImage } from "../image/encoded-image.js";
import { imageError } from "../image/image-problem.js";
import type { DamagePolicy, ImageHeader } from "../image/inspect-image.js";
import type { Pipeline } from "../image/pipeline.js";
import { planSample } from "../image/plan.js";
import type { Random } from "../image/random.js";
import { DiskCache, type DiskCacheOptions } from "./disk-cache.js";
import { MemoryCache } from "./memory-cache.js";

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
    const { limits, needsSize, fixed } = this.#pipeline;
    const image = encodedImageOf(sample, limits, this.#headers.get(index));
    const trim = trimOf(sample);
    const { decode, edits, augmentation } = await planSample(this.#pipeline, random, image, trim);
    if (fixed && (needsSize || trim.bottom > 0)) this.#headers.set(index, await image.header());
    const decoded = decodedPlace(this.#pipeline, target);
    const repaired = decode.fixed
      ? await this.#readFixed(sample, index, image, decode, decoded)
      : await image.decode(decode, decoded, this.#damage);
    await editPixels(this.#pipeline, edits, decoded, target);
    return { augmentation, repaired };
  }

  async #readFixed(
    sample: T,
    index: number,
    image: EncodedImage,
    decode: DecodePlan,
    target: Uint8Array,
  ): Promise<string | undefined> {
    if (this.#memory.read(index, target)) return undefined;
    const key = await this.#keyOf(sample, decode);
    let repaired: string | undefined;
    if (key === undefined || !(await this.#disk?.read(key, target))) {
      repaired = await image.decode(decode, target, this.#damage);
      // Others who share the folder may not want it.
      if (key !== undefined && repaired === undefined) await this.#disk?.write(key, target);
    }
    this.#memory.write(index, target);
    return repaired;
  }

  /** Only files have an identity. */
  async #keyOf({ path, source = path }: T, decode: DecodePlan): Promise<string | undefined> {
    if (typeof source !== "string") return undefined;
    return this.#disk?.keyOf(source, { ...decode, limits: this.#pipeline.limits }).catch((cause: unknown) => {
      throw imageError(path, cause);
    });
  }
}
