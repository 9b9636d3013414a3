import { Readable } from "node:stream";
import yauzl from "yauzl";

/** Bytes that are read by their position; a read beyond their end rejects. */
export interface ByteSource {
  read(position: number, length: number): Promise<Buffer>;
}

const CHUNK_BYTES = 2 ** 18;

/** yauzl's own reader passes offsets of a forged directory on to the system, which throws where none can catch it. */
export class BoundedReader extends yauzl.RandomAccessReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#source.read(position, length).then(
      (bytes) => {
        bytes.copy(buffer, offset);
        setImmediate(callback, null);
      },
      (error: unknown) => setImmediate(callback, error as Error),
    );
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#chunks(start, end), { objectMode: false });
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    for (let at = start; at < end; at += CHUNK_BYTES) {
      yield await this.#source.read(at, Math.min(CHUNK_BYTES, end - at));
    }
  }
}
