import { crc32 } from "node:zlib";
import { Header, Pax } from "tar";

/** A file in a tar. */
export interface TarEntry {
  path: string;
  /** Where its bytes begin in the tar. */
  start: number;
  size: number;
  /** CRC-32 of its bytes. */
  crc: number;
  /** Its bytes, where they were wanted. */
  bytes: Buffer | undefined;
}

const BLOCK = 512;
/** Of long names and the like. */
const MOST_META_BYTES = 2 ** 20;
const FILES: readonly string[] = ["File", "OldFile", "ContiguousFile"];
const META: readonly string[] = [
  "ExtendedHeader",
  "OldExtendedHeader",
  "GlobalExtendedHeader",
  "NextFileHasLongPath",
  "OldGnuLongPath",
  "NextFileHasLongLinkpath",
];

/**
 * The files in a tar, from its bytes as they come.
 * @param wanted whether a file's bytes are to be kept
 * @throws Error that says what is wrong with it
 */
export async function* readTarEntries(
  chunks: AsyncIterable<Buffer>,
  wanted: (path: string, size: number) => boolean,
): AsyncGenerator<TarEntry, void, void> {
  const reader = new ByteReader(chunks);
  try {
    // What extended headers say of the next file, and of all that follow.
    let next: Pax | undefined;
    let all: Pax | undefined;
    for (;;) {
      const block = await reader.take(BLOCK);
      // Zeros are its end; what may follow is padding.
      if (block.every((byte) => byte === 0)) return;
      const header = readHeader(block, next, all);
      const size = header.size ?? 0;
      const { type } = header;
      if (META.includes(type)) {
        if (size > MOST_META_BYTES) throw new Error(`it has a header of ${size} bytes`);
        const text = (await reader.takePadded(size)).toString().replace(/\0.*/s, "");
        if (type === "GlobalExtendedHeader") all = Pax.parse(text, all, true);
        else if (type.endsWith("ExtendedHeader")) next = Pax.parse(text, next, false);
        else if (type.endsWith("LongPath")) next = new Pax(Object.assign({}, next, { path: text }));
        continue;
      }
      next = undefined;
      const path = (header.path ?? "").replace(/^(\.\/)+/, "");
      const start = reader.position;
      const isFile = FILES.includes(type) && !path.endsWith("/");
      const keeps = isFile && wanted(path, size);
      const { crc, bytes } = await reader.pass(size, keeps);
      if (isFile) yield { path, start, size, crc, bytes };
    }
  } finally {
    await reader.end();
  }
}

function readHeader(block: Buffer, next: Pax | undefined, all: Pax | undefined): Header {
  const header = new Header(block, 0, next, all);
  if (!header.cksumValid) throw new Error("it is damaged, or no tar");
  return header;
}

/** Bytes of a stream by number. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  /** Of what was taken. */
  position = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = size; left > 0;) {
      const part = await this.#some(left);
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  async takePadded(size: number): Promise<Buffer> {
    const bytes = await this.take(size);
    await this.take(paddingOf(size));
    return bytes;
  }

  /** Takes `size` bytes and their padding. */
  async pass(size: number, keep: boolean): Promise<{ crc: number; bytes: Buffer | undefined }> {
    const parts: Buffer[] = [];
    let crc = 0;
    for (let left = size; left > 0;) {
      const part = await this.#some(left);
      crc = crc32(part, crc);
      if (keep) parts.push(part);
      left -= part.length;
    }
    await this.take(paddingOf(size));
    return { crc, bytes: keep ? Buffer.concat(parts) : undefined };
  }

  async end(): Promise<void> {
    await this.#chunks.return?.(undefined);
  }

  /** At least one byte, and at most so many. */
  async #some(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) throw new Error("it is cut short");
      this.#rest = next.value;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    this.position += part.length;
    return part;
  }
}

function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
