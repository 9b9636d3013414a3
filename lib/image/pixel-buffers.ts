import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import type { Device } from "../native/dtype.js";

/** What is made of a buffer, elsewhere. */
interface Transfer {
  /** Whether the buffer is no longer read. */
  readonly isOver: boolean;
  dispose(): void;
}

/**
 * Buffers of one size for batches of decoded pixels; where they go to a GPU, in memory that it reads by itself. They are
 * used again, as fresh memory costs a page fault for every 4 KiB. A buffer that is lent stays referenced until it is
 * taken back and no longer read, so native code may work on it meanwhile.
 */
export class PixelBuffers {
  readonly #bytes: number;
  readonly #pinned: boolean;
  readonly #free: Uint8Array[] = [];
  readonly #lent = new Set<Uint8Array>();
  /** Taken back, by the transfer that may still read it. */
  readonly #read = new Map<Transfer, Uint8Array>();

  constructor(bytes: number, device: Device) {
    this.#bytes = bytes;
    this.#pinned = device !== "cpu";
  }

  lend(): Uint8Array {
    this.#endTransfers();
    const buffer = this.#free.pop() ?? this.#allocate();
    this.#lent.add(buffer);
    return buffer;
  }

  /** @param transfer what may still read it, which is disposed when it is over */
  takeBack(buffer: Uint8Array, transfer?: Transfer): void {
    if (!this.#lent.delete(buffer)) return;
    if (transfer) this.#read.set(transfer, buffer);
    else this.#free.push(buffer);
  }

  #endTransfers(): void {
    for (const [transfer, buffer] of this.#read) {
      if (!transfer.isOver) continue;
      this.#read.delete(transfer);
      this.#free.push(buffer);
      transfer.dispose();
    }
  }

  #allocate(): Uint8Array {
    if (this.#pinned) return native().pinnedBuffer(this.#bytes);
    try {
      return new Uint8Array(this.#bytes);
    } catch (cause) {
      const gigabytes = (this.#bytes / 1e9).toFixed(1);
      const text = `a batch of pixels takes ${gigabytes} GB, which there are not: take the option batchSize smaller`;
      throw new McLossError("ERR_OUT_OF_MEMORY", text, { argument: "batchSize", cause });
    }
  }
}
