import { McLossError } from "../errors.js";
import { decodeInto, decodeWholeInto, type DecodePlan, type Eighths } from "./decode.js";
import { decodeBudget } from "./decode-memory.js";
import { imageError, ImageProblem } from "./image-problem.js";
import { inspectImage, type DamagePolicy, type ImageHeader, type InspectedImage } from "./inspect-image.js";
import { TRAINING_LIMITS, type ImageLimits } from "./limits.js";
import { freeImage, readImage } from "./read-image.js";

/** An encoded image: its file, its bytes, or what fetches them. */
export type ImageSource = string | Uint8Array | (() => Promise<Uint8Array>);

export interface EncodedImageOptions {
  /** Default: those of training. */
  limits?: ImageLimits | undefined;
  /** What errors call it. Default: its file's path. */
  name?: string | undefined;
  /** What an earlier look at it told; where the image has another size by now, decoding it is an error. */
  header?: ImageHeader | undefined;
}

/**
 * One encoded image, for all who want something of it: its bytes are read once and its header once, when they are needed.
 * Every method throws a McLossError ERR_IMAGE naming the image, also where it is larger than the limits.
 */
export class EncodedImage {
  /** Absent for bytes that have no name. */
  readonly name: string | undefined;
  readonly #source: ImageSource;
  readonly #limits: ImageLimits;
  readonly #known: ImageHeader | undefined;
  #bytes: Promise<Uint8Array> | undefined;
  #inspected: InspectedImage | undefined;

  constructor(source: ImageSource, options: EncodedImageOptions = {}) {
    this.name = options.name ?? (typeof source === "string" ? source : undefined);
    this.#source = source;
    this.#limits = options.limits ?? TRAINING_LIMITS;
    this.#known = options.header;
  }

  /** Its size when it is upright, and its format; nothing is decoded. */
  async header(): Promise<ImageHeader> {
    return this.#known ?? this.#use(({ header }) => Promise.resolve(header));
  }

  /**
   * Decodes it to 8-bit sRGB, row by row, 3 bytes a pixel, into `target`: each of the plan's windows after the other.
   * Transparency is laid on white, and of an animation the first frame is taken.
   * @returns what was wrong with an image that was repaired
   */
  async decode(
    plan: DecodePlan,
    target: Uint8Array,
    damage: DamagePolicy = "error",
  ): Promise<string | undefined> {
    return this.#use((image, share, last) => {
      checkUnchanged(plan, image.header);
      return decodeBudget.use(share(image.memory), () =>
        decodeInto(image, plan, target, last ? damage : "error"),
      );
    }, damage);
  }

  /**
   * Decodes all of it at so many eighths of its size, likewise.
   * @returns what was wrong with an image that was repaired
   */
  async decodeWhole(
    eighths: Eighths,
    target: Uint8Array,
    damage: DamagePolicy = "error",
  ): Promise<string | undefined> {
    return this.#use(
      (image, share, last) =>
        decodeBudget.use(share(image.memory), () =>
          decodeWholeInto(image, eighths, target, last ? damage : "error"),
        ),
      damage,
    );
  }

  /** A JPEG of its middle, `side` × `side` pixels. */
  async thumbnail(side: number): Promise<Buffer> {
    return this.#use((image, share) =>
      decodeBudget.use(share(image.memory), async () => {
        const opened = await image.open("error");
        return opened
          .flatten({ background: "#fff" })
          .resize(side, side, { fit: "cover" })
          .jpeg({ mozjpeg: true })
          .toBuffer();
      }),
    );
  }

  /** Frees the bytes that it read from a file, after all work with it has ended; they are read anew if there is more. */
  async release(): Promise<void> {
    const read = this.#bytes;
    this.#bytes = this.#inspected = undefined;
    const bytes = await read?.catch(() => undefined);
    if (bytes) freeImage(bytes);
  }

  /** @param work see {@link withOwnReason} */
  async #use<T>(
    work: (image: InspectedImage, share: Share, last: boolean) => Promise<T>,
    damage: DamagePolicy = "error",
  ): Promise<T> {
    try {
      const bytes = await (this.#bytes ??= this.#read());
      return await withOwnReason(async (share, last) => {
        this.#inspected ??= await decodeBudget.use(share(HEADER_BYTES), () =>
          inspectImage(bytes, this.#limits),
        );
        return work(this.#inspected, share, last);
      }, damage);
    } catch (cause) {
      // Of what the image would have come from: it may not be skipped as one image.
      if (cause instanceof McLossError && cause.code !== "ERR_IMAGE") throw cause;
      throw imageError(this.name, cause);
    }
  }

  async #read(): Promise<Uint8Array> {
    const source = this.#source;
    if (typeof source === "string") return readImage(source, this.#limits.limitInputBytes);
    return typeof source === "function" ? source() : source;
  }
}

/** About what reading a header takes. */
const HEADER_BYTES = 2 ** 16;

/** How much of the memory for decoding work takes that needs so many bytes. */
type Share = (bytes: number) => number;

/**
 * Does `work` again, alone, where it fails: libvips keeps what it says of all images in one place, so that the reason
 * may be another one's.
 * @param work uses the memory that `share` makes of what it needs; it may repair what is damaged the `last` time
 */
async function withOwnReason<T>(
  work: (share: Share, last: boolean) => Promise<T>,
  damage: DamagePolicy,
): Promise<T> {
  try {
    return await work((bytes) => bytes, false);
  } catch (error) {
    if (error instanceof ImageProblem && damage === "error") throw error;
    return work(() => Infinity, true);
  }
}

function checkUnchanged({ image }: DecodePlan, { height, width }: ImageHeader): void {
  if (!image || (image.height === height && image.width === width)) return;
  throw new ImageProblem(`it was changed: it had ${image.width} × ${image.height} pixels`);
}
