/** Decoded pixels by sample, as many as fit; what is in stays in, as an epoch visits all samples alike. */
export class MemoryCache {
  readonly #pixels = new Map<number, Uint8Array>();
  readonly #limit: number;
  #bytes = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Writes a sample's pixels into `target`. False where they are not kept. */
  read(index: number, target: Uint8Array): boolean {
    const pixels = this.#pixels.get(index);
    if (!pixels) return false;
    target.set(pixels);
    return true;
  }

  /** Keeps a copy, where there is room. */
  write(index: number, pixels: Uint8Array): void {
    if (this.#pixels.has(index) || this.#bytes + pixels.byteLength > this.#limit) return;
    this.#pixels.set(index, pixels.slice());
    this.#bytes += pixels.byteLength;
  }
}
