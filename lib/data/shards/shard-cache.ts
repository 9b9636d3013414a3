import { LRUCache } from "lru-cache";
import type { ShardFile } from "./shard-file.js";

/** Of what was read of shards: images within a shuffle buffer lie beside one another. */
const CACHE_BYTES = 256 * 2 ** 20;
const BLOCK_BYTES = 4 * 2 ** 20;

interface Fetched<Value> {
  value: Value;
  bytes: number;
}

/** What was fetched, up to so many bytes together; the least recently used goes first. What is under way is fetched once. */
export class FetchCache<Value> {
  readonly #cache: LRUCache<string, Fetched<Value>, () => Promise<Fetched<Value>>>;

  constructor(bytes = CACHE_BYTES) {
    this.#cache = new LRUCache({
      maxSize: bytes,
      sizeCalculation: (fetched) => Math.max(1, fetched.bytes),
      fetchMethod: (_key, _stale, { context: fetch }) => fetch(),
      // What is evicted while it is under way is still wanted by who asked for it.
      ignoreFetchAbort: true,
    });
  }

  async get(key: string, fetch: () => Promise<Fetched<Value>>): Promise<Value> {
    const fetched = await this.#cache.fetch(key, { context: fetch });
    return (fetched ?? (await fetch())).value;
  }

  has(key: string): boolean {
    return this.#cache.has(key);
  }
}

/** Reads parts of shards: those of a server in blocks that are kept for a while, as their neighbours are wanted next. */
export class ShardReader {
  readonly #blocks: FetchCache<Buffer>;

  constructor(cacheBytes = CACHE_BYTES) {
    this.#blocks = new FetchCache(cacheBytes);
  }

  /** The bytes from `start` to before `end`. @throws McLossError ERR_DATASET naming the shard */
  async read(file: ShardFile, start: number, end: number): Promise<Uint8Array> {
    if (!file.isRemote) return file.read(start, end);
    const first = Math.floor(start / BLOCK_BYTES);
    const last = Math.max(first, Math.ceil(end / BLOCK_BYTES) - 1);
    const blocks = Array.from({ length: last - first + 1 }, (_, i) => this.#block(file, first + i));
    this.#readAhead(file, last);
    const bytes = Buffer.concat(await Promise.all(blocks));
    const offset = start - first * BLOCK_BYTES;
    return bytes.subarray(offset, offset + end - start);
  }

  #block(file: ShardFile, number: number): Promise<Buffer> {
    return this.#blocks.get(keyOf(file, number), async () => {
      const start = number * BLOCK_BYTES;
      const value = await file.read(start, Math.min(file.size, start + BLOCK_BYTES));
      return { value, bytes: value.length };
    });
  }

  /** Where blocks are asked for in their order, the next one comes before it is. */
  #readAhead(file: ShardFile, number: number): void {
    if (!this.#blocks.has(keyOf(file, number - 1)) || (number + 1) * BLOCK_BYTES >= file.size) return;
    // It is reported when it is wanted.
    this.#block(file, number + 1).catch(() => undefined);
  }
}

function keyOf(file: ShardFile, block: number): string {
  return `${file.name}#${block}`;
}
