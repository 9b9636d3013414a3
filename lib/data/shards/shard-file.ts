import { stat } from "node:fs/promises";
import { McLossError } from "../../errors.js";
import { fileVersion } from "../../io/file-version.js";
import { openFile } from "../../io/open-file.js";
import { systemPath } from "../../io/file-name.js";
import type { RemoteReader } from "../../io/remote-file.js";
import { reasonOf } from "../../system-error.js";
import { isAddress } from "./places.js";

/** One file of a set that lies in several, on a disk or a server. Whatever fails is an ERR_DATASET that names it. */
export interface ShardFile {
  /** Its path or address. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly isRemote: boolean;
  /** What is other when its content is, as far as that can be told without reading it. */
  readonly version: string;
  /** The bytes from `start` to before `end`. */
  read(start: number, end: number, signal?: AbortSignal): Promise<Buffer>;
  /** All of it, as it comes. */
  stream(signal?: AbortSignal): AsyncIterable<Buffer>;
}

/** @throws McLossError ERR_DATASET naming the shard, after several attempts where it is on a server */
export async function openShard(
  name: string,
  remote: RemoteReader,
  signal?: AbortSignal,
): Promise<ShardFile> {
  return naming(name, signal, async () => {
    if (!isAddress(name)) return new LocalShard(name, await statusOf(name));
    const file = await remote.open(name, signal);
    const version = `${file.size} ${file.version}`;
    return {
      ...{ name, size: file.size, isRemote: true, version },
      read: (start: number, end: number, abort?: AbortSignal) =>
        naming(name, abort, () => file.read(start, end, abort)),
      stream: (abort?: AbortSignal) => namingAll(name, abort, file.stream(0, file.size, abort)),
    };
  });
}

interface Status {
  size: number;
  version: string;
}

class LocalShard implements ShardFile {
  readonly size: number;
  readonly version: string;
  readonly isRemote = false;

  constructor(
    readonly name: string,
    { size, version }: Status,
  ) {
    this.size = size;
    this.version = version;
  }

  async read(start: number, end: number): Promise<Buffer> {
    return naming(this.name, undefined, async () => {
      const file = await openFile(this.name);
      try {
        const bytes = Buffer.allocUnsafe(end - start);
        const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
        if (bytesRead === bytes.length && (await file.stat()).size === this.size) return bytes;
        throw new Error("it has another length than it had when it was opened");
      } finally {
        await file.close();
      }
    });
  }

  async *stream(signal?: AbortSignal): AsyncGenerator<Buffer, void, void> {
    const file = await naming(this.name, signal, () => openFile(this.name));
    const chunks = file.createReadStream({ highWaterMark: 2 ** 18, signal });
    yield* namingAll(this.name, signal, chunks as AsyncIterable<Buffer>);
  }
}

async function statusOf(path: string): Promise<Status> {
  // It says what a folder or a pipe is.
  await (await openFile(path)).close();
  const status = await stat(systemPath(path), { bigint: true });
  return { size: Number(status.size), version: fileVersion(status) };
}

async function naming<T>(name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw deadShard(name, cause, signal);
  }
}

async function* namingAll(
  name: string,
  signal: AbortSignal | undefined,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, void> {
  try {
    yield* chunks;
  } catch (cause) {
    throw deadShard(name, cause, signal);
  }
}

function deadShard(name: string, cause: unknown, signal: AbortSignal | undefined): McLossError {
  if (cause instanceof McLossError) return cause;
  if (signal?.aborted) return new McLossError("ERR_ABORTED", "reading the data was interrupted", { cause });
  const what = isAddress(name) ? "the address and the connection" : "the path, or bring it back";
  const text = `cannot read the shard ${name} (${reasonOf(cause)}): check ${what}`;
  return new McLossError("ERR_DATASET", text, { path: name, cause });
}

/** A shard that is there and is not what it should be. */
export function badShard(name: string, problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_DATASET", `the shard ${name} ${problem}`, { path: name, cause });
}
