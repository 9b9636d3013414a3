import { McLossError } from "../errors.js";
import { encodedImageOf, trimOf, type Dataset, type Sample } from "../data/dataset.js";
import type { Augmentation } from "../image/augmentation.js";
import type { DecodePlan } from "../image/decode.js";
import { decodedPlace, editPixels } from "../image/edit-pixels.js";
import type { EncodedImage } from "../image/encoded-image.js";
import { imageError } from "../image/image-problem.js";
import type { DamagePolicy, ImageHeader } from "../image/inspect-image.js";
import type { Pipeline } from "../image/pipeline.js";
import { keptFormOf } from "../image/kept-form.js";
import { copyPixels } from "../image/copy-pixels.js";
import { planSample } from "../image/plan.js";
import type { Random } from "../image/random.js";
import { DiskCache, type DiskCacheOptions } from "./disk-cache.js";
import { MemoryCache } from "./memory-cache.js";

export interface SampleReaderOptions {
  cacheBytes: number;
  /** Default "error". */
  damage?: DamagePolicy;
  diskCache?: DiskCacheOptions | undefined;
  /** Whether images are kept of which every epoch has other pixels. Default false. */
  keepsDecoded?: boolean;
}

/** How many keys of the memory a sample has. */
const FORMS = 9;

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
  readonly #keepsDecoded: boolean;
  readonly #disk: DiskCache | undefined;
  readonly #headers = new Map<number, ImageHeader>();

  constructor(
    dataset: Dataset<T>,
    pipeline: Pipeline,
    { cacheBytes, damage = "error", diskCache, keepsDecoded = false }: SampleReaderOptions,
  ) {
    this.#keepsDecoded = keepsDecoded;
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
    try {
      const { decode, edits, augmentation } = await planSample(this.#pipeline, random, image, trim);
      if ((fixed || this.#keepsDecoded) && (needsSize || trim.bottom > 0)) {
        this.#headers.set(index, await image.header());
      }
      const decoded = decodedPlace(this.#pipeline, target);
      const repaired = await this.#readDecoded(sample, index, image, decode, decoded);
      await editPixels(this.#pipeline, edits, decoded, target);
      return { augmentation, repaired };
    } finally {
      await image.release();
    }
  }

  #readDecoded(
    sample: T,
    index: number,
    image: EncodedImage,
    decode: DecodePlan,
    target: Uint8Array,
  ): Promise<string | undefined> {
    if (decode.fixed) return this.#readFixed(sample, index, image, decode, target);
    if (this.#keepsDecoded) return this.#readKept(sample, index, image, decode, target);
    return image.decode(decode, target, this.#damage);
  }

  /** Of an image whose pixels are the same in every epoch. */
  async #readFixed(
    sample: T,
    index: number,
    image: EncodedImage,
    decode: DecodePlan,
    target: Uint8Array,
  ): Promise<string | undefined> {
    const kept = this.#memory.get(index * FORMS);
    if (kept) {
      await copyPixels(kept, target);
      return undefined;
    }
    const make = () => image.decode(decode, target, this.#damage);
    const repaired = await this.#readDisk(sample, decode, target, make);
    if (this.#memory.fits(target.byteLength)) this.#memory.set(index * FORMS, target.slice());
    return repaired;
  }

  /** Of an image of which every epoch has other pixels: the image is kept as it was decoded, or resized. */
  async #readKept(
    sample: T,
    index: number,
    image: EncodedImage,
    decode: DecodePlan,
    target: Uint8Array,
  ): Promise<string | undefined> {
    const header = await image.header();
    const form = keptFormOf(this.#pipeline, decode, header);
    const key = index * FORMS + form.number;
    const known = this.#memory.get(key);
    let repaired: string | undefined;
    const kept = known ?? new Uint8Array(form.size.height * form.size.width * 3);
    if (!known) {
      // What has no room is not made whole.
      if (!this.#disk && !this.#memory.fits(kept.byteLength))
        return image.decode(decode, target, this.#damage);
      const identity = { ...form.identity, size: { height: header.height, width: header.width } };
      repaired = await this.#readDisk(sample, identity, kept, () => form.make(image, kept, this.#damage));
      this.#memory.set(key, kept);
    }
    await form.cut(kept, decode, target);
    return repaired;
  }

  /** What is on the disk of that identity, or what `make` writes into `target`, which goes there then. */
  async #readDisk(
    sample: T,
    identity: object,
    target: Uint8Array,
    make: () => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const key = await this.#keyOf(sample, identity);
    if (key !== undefined && (await this.#disk?.read(key, target))) return undefined;
    const repaired = await make();
    // Others who share the folder may not want it.
    if (key !== undefined && repaired === undefined) await this.#disk?.write(key, target);
    return repaired;
  }

  /** Only files have an identity. */
  async #keyOf({ path, source = path }: T, identity: object): Promise<string | undefined> {
    if (typeof source !== "string") return undefined;
    return this.#disk
      ?.keyOf(source, { ...identity, limits: this.#pipeline.limits })
      .catch((cause: unknown) => {
        throw imageError(path, cause);
      });
  }
}
