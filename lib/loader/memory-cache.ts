/** Decoded pixels, as many as fit; what is in stays in, as an epoch visits all samples alike. */
export class MemoryCache {
  readonly #pixels = new Map<number, Uint8Array>();
  readonly #limit: number;
  #bytes = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Undefined where they are not kept. */
  get(key: number): Uint8Array | undefined {
    return this.#pixels.get(key);
  }

  /** Whether so many bytes are kept. */
  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limit;
  }

  /** Keeps them, where there is room: they must not change any more. */
  set(key: number, pixels: Uint8Array): void {
    if (this.#pixels.has(key) || !this.fits(pixels.byteLength)) return;
    this.#pixels.set(key, pixels);
    this.#bytes += pixels.byteLength;
  }
}
