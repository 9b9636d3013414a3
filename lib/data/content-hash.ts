import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { crc32 } from "node:zlib";
import { throwIfAborted } from "../abort.js";
import { systemPath } from "../io/file-name.js";
import { openFile } from "../io/open-file.js";
import { mapAhead } from "../prefetch.js";

/** Files of together so much are read whole, as an epoch reads them: 1.1 GB that the system has in memory take 0.8 s. */
const WHOLE_BYTES = 2 ** 32;
/** Of files that are together larger, those up to this size; of the others the beginning, the middle and the end. */
const WHOLE_FILE_BYTES = 2 ** 16;
const PART_BYTES = 2 ** 12;
const CHUNK_BYTES = 2 ** 20;

/**
 * A SHA-256 that is another when one of the files has other bytes: of their sizes and checksums, in their order. A file that
 * cannot be read counts as empty.
 * @param wholeBytes of files that are together larger, large ones are read in three places. Default 4 GiB
 */
export async function hashContents(
  paths: readonly string[],
  signal?: AbortSignal,
  wholeBytes = WHOLE_BYTES,
): Promise<string> {
  let total = 0;
  for await (const size of inTurn(paths, sizeOf, signal)) total += size;
  const wholeFileBytes = total <= wholeBytes ? Infinity : WHOLE_FILE_BYTES;
  const hash = createHash("sha256");
  const sumOf = (path: string) => checksum(path, wholeFileBytes).catch(() => "unreadable");
  for await (const sum of inTurn(paths, sumOf, signal)) hash.update(`${sum}\n`);
  return hash.digest("hex");
}

async function* inTurn<Result>(
  paths: readonly string[],
  work: (path: string) => Promise<Result>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Result> {
  for await (const result of mapAhead(paths, 2 * availableParallelism(), work)) {
    throwIfAborted(signal, "reading the data");
    yield result;
  }
}

async function sizeOf(path: string): Promise<number> {
  const status = await stat(systemPath(path)).catch(() => undefined);
  return status?.size ?? 0;
}

/** The files that were changed after a time, in milliseconds. */
export async function findChanged(paths: readonly string[], since: number): Promise<string[]> {
  const changed: string[] = [];
  for (const path of paths) {
    const status = await stat(systemPath(path)).catch(() => undefined);
    if (status && Math.max(status.mtimeMs, status.ctimeMs) > since) changed.push(path);
  }
  return changed;
}

/** @param wholeFileBytes larger files are read in three places alone */
async function checksum(path: string, wholeFileBytes: number): Promise<string> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const isWhole = size <= wholeFileBytes;
    const parts = isWhole ? chunksOf(size) : [0, Math.floor((size - PART_BYTES) / 2), size - PART_BYTES];
    const buffer = Buffer.allocUnsafe(isWhole ? Math.min(size, CHUNK_BYTES) : PART_BYTES);
    let sum = 0;
    for (const position of parts) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      sum = crc32(buffer.subarray(0, bytesRead), sum);
    }
    return `${size} ${sum}`;
  } finally {
    await file.close();
  }
}

/** Where the chunks of a file begin. */
function chunksOf(size: number): number[] {
  return Array.from({ length: Math.ceil(size / CHUNK_BYTES) }, (_, index) => index * CHUNK_BYTES);
}
