import { invalidArgument } from "../errors.js";
import type { Size } from "./geometry.js";
import type { ImageFormat } from "./formats.js";
import { shown } from "../shown.js";

/** What decides how much memory the decoding of an image takes. */
export interface DecodedShape extends Size {
  format: ImageFormat;
  channels: number;
  /** 1 for 8 bits. */
  bytesPerSample: number;
  /** Stored in several passes over all of it: a progressive JPEG, an interlaced PNG. */
  interlaced: boolean;
  /** Turned or mirrored before anything else. */
  turned: boolean;
}

// Measured with sharp 0.35.5: rows that libvips and its resizing hold on to, at most.
const ROWS = 4096;
const RESIZED_TIMES = 3;

/** What a decoder that makes all of an image at once takes for a pixel, in bytes; measured as well. */
const WHOLE: Readonly<Partial<Record<ImageFormat, number>>> = { gif: 5, webp: 8, avif: 20 };

/** The most memory that decoding and resizing an image takes, roughly, in bytes. */
export function estimateMemory(shape: DecodedShape): number {
  const { format, height, width, channels, bytesPerSample, interlaced, turned } = shape;
  const row = width * Math.max(3, channels) * bytesPerSample;
  // All of it is decoded to 8-bit RGB before it is resized.
  const streamed = row * Math.min(RESIZED_TIMES * height, ROWS) + 3 * width * height;
  const whole = WHOLE[format];
  if (whole !== undefined) return streamed + width * height * whole;
  // A progressive JPEG's coefficients have 16 bits.
  if (interlaced) return streamed + (format === "jpeg" ? 2 : 1) * row * height;
  // The others need not be kept whole, but these are, by the way that they are stored or read.
  return turned || format === "bmp" || format === "netpbm" || format === "tiff"
    ? streamed + row * height
    : Math.max(streamed, format === "jpeg" || format === "png" ? row * height : 0);
}

/** Memory for work that says beforehand how much it takes; what does not fit waits, first come first served. */
export class MemoryBudget {
  #bytes: number;
  #used = 0;
  readonly #waiting: { bytes: number; start: () => void }[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Of all work under way together. */
  get bytes(): number {
    return this.#bytes;
  }

  set bytes(bytes: number) {
    this.#bytes = bytes;
    this.#startWaiting();
  }

  /** Runs `work` when there is room for it. What is as large as the budget, or larger, runs when nothing else does. */
  async use<T>(needed: number, work: () => Promise<T>): Promise<T> {
    const bytes = Math.min(needed, this.#bytes);
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((start) => this.#waiting.push({ bytes, start }));
    } else {
      this.#used += bytes;
    }
    try {
      return await work();
    } finally {
      this.#used -= bytes;
      this.#startWaiting();
    }
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#bytes;
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.start();
    }
  }
}

/** Of all images that are decoded in this thread, by whichever loader or classifier. */
export const decodeBudget = new MemoryBudget(2 ** 30);

/**
 * Bounds the memory for all images that are being decoded at the same time, by every loader and classifier of this
 * thread together, in bytes: many large ones wait for each other. Default 1 GiB. An image that takes more by itself is
 * decoded alone, unless `limitInputBytes` refuses it. Gives the bound, or sets it.
 * @throws McLossError ERR_ARGUMENT for anything but a positive integer
 */
export function decodeMemory(bytes?: number): number {
  if (bytes === undefined) return decodeBudget.bytes;
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw invalidArgument("bytes", `must be a positive integer, got ${shown(bytes)}`);
  }
  return (decodeBudget.bytes = bytes);
}
