import { createHash, randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import { open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { McLossError } from "../errors.js";
import { systemPath } from "../io/file-name.js";
import { makeFolder } from "../make-folder.js";
import type { ImageLimits } from "../image/limits.js";

/** Where decoded images are kept between runs. */
export interface DiskCacheOptions {
  /** Made where it is missing. Processes may share it. */
  dir: string;
  /** Of all entries together. Default 10 GiB. */
  bytes?: number;
}

/** Of all entries together, where nothing else is said. */
export const USUAL_DISK_BYTES = 10 * 2 ** 30;

interface Entry {
  bytes: number;
  /** Whether this process has read or written it. */
  used: boolean;
  /** Whether it is not there yet. */
  writing?: boolean;
}

const SUFFIX = ".pixels";
const TEMPORARY_SUFFIX = ".tmp";
/** Longer than it takes to write the pixels of an image. */
const WRITING_MS = 60 * 60 * 1000;
const CHECKSUM_BYTES = 4;

/**
 * Decoded pixels in a folder, one file each, named by the image file's identity, size and time of change and by what
 * was made of it: a changed image or pipeline finds nothing. When the folder is full, what this process has not used is
 * deleted, oldest first; what it has used stays, as an epoch visits all samples alike.
 */
export class DiskCache {
  readonly #dir: string;
  #limit: number;
  /** Oldest first. */
  #entries: Promise<Map<string, Entry>> | undefined;
  #bytes = 0;

  constructor({ dir, bytes = USUAL_DISK_BYTES }: DiskCacheOptions) {
    this.#dir = resolve(dir);
    this.#limit = bytes;
  }

  /**
   * The name of the pixels that `plan` makes of an image file within limits.
   * @throws the file system's error where the file cannot be read
   */
  async keyOf(path: string, plan: object & { limits: ImageLimits }): Promise<string> {
    const { dev, ino, size, mtimeNs } = await stat(systemPath(path), { bigint: true });
    const identity = [resolve(path), dev, ino, size, mtimeNs].map(String);
    return createHash("sha256")
      .update(JSON.stringify([identity, plan]))
      .digest("hex");
  }

  /**
   * Writes an entry's pixels into `target`. False where there is none; a corrupt one is deleted.
   * @throws McLossError ERR_IO naming the folder where it cannot be read
   */
  async read(key: string, target: Uint8Array): Promise<boolean> {
    const entries = await this.#list();
    const path = this.#pathOf(key);
    const intact = await readChecked(path, target);
    const entry = entries.get(key);
    if (intact) {
      if (entry) entry.used = true;
      return true;
    }
    if (intact === false) await this.#delete(path);
    if (entry && !entry.writing) this.#forget(entries, key, entry);
    return false;
  }

  /** Keeps pixels, where there is room. A folder that cannot be written to any more is as good as full. */
  async write(key: string, pixels: Uint8Array): Promise<void> {
    const entries = await this.#list();
    const bytes = pixels.byteLength + CHECKSUM_BYTES;
    if (entries.has(key)) return;
    // Others who write meanwhile find it taken.
    const entry: Entry = { bytes, used: true, writing: true };
    entries.set(key, entry);
    if (!(await this.#makeRoom(entries, bytes))) {
      entries.delete(key);
      return;
    }
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(crc32(pixels));
    const temporary = join(this.#dir, randomUUID() + TEMPORARY_SUFFIX);
    try {
      await writeFile(temporary, [pixels, checksum]);
      // A reader sees all of it or nothing.
      await rename(temporary, this.#pathOf(key));
      entry.writing = false;
    } catch {
      this.#limit = 0;
      await rm(temporary, { force: true });
    }
  }

  /** Counts so many bytes more, unless there is no room for them. */
  async #makeRoom(entries: Map<string, Entry>, bytes: number): Promise<boolean> {
    for (const [key, entry] of entries) {
      if (this.#bytes + bytes <= this.#limit) break;
      if (entry.used) continue;
      this.#forget(entries, key, entry);
      await this.#delete(this.#pathOf(key));
    }
    if (this.#bytes + bytes > this.#limit) return false;
    this.#bytes += bytes;
    return true;
  }

  #forget(entries: Map<string, Entry>, key: string, { bytes }: Entry): void {
    if (entries.delete(key)) this.#bytes -= bytes;
  }

  #list(): Promise<Map<string, Entry>> {
    this.#entries ??= this.#readFolder().catch((cause: unknown) => {
      // So that the next call tries again.
      this.#entries = undefined;
      this.#bytes = 0;
      throw this.#failure(cause);
    });
    return this.#entries;
  }

  async #readFolder(): Promise<Map<string, Entry>> {
    await makeFolder(this.#dir);
    const found: { key: string; bytes: number; time: number }[] = [];
    for (const name of await readdir(this.#dir)) {
      const status = await statIfThere(join(this.#dir, name));
      // Another process has evicted it.
      if (!status) continue;
      const { size, mtimeMs } = status;
      if (name.endsWith(TEMPORARY_SUFFIX)) await this.#removeAbandoned(name, mtimeMs);
      if (!name.endsWith(SUFFIX)) continue;
      found.push({ key: name.slice(0, -SUFFIX.length), bytes: size, time: mtimeMs });
      this.#bytes += size;
    }
    found.sort((a, b) => a.time - b.time);
    return new Map(found.map(({ key, bytes }) => [key, { bytes, used: false }]));
  }

  /** What a killed process was writing. */
  async #removeAbandoned(name: string, time: number): Promise<void> {
    if (Date.now() - time > WRITING_MS) await this.#delete(join(this.#dir, name));
  }

  async #delete(path: string): Promise<void> {
    await rm(path, { force: true }).catch(() => {
      this.#limit = 0;
    });
  }

  #pathOf(key: string): string {
    return join(this.#dir, key + SUFFIX);
  }

  #failure(cause: unknown): McLossError {
    const text = `cannot use ${this.#dir} as a cache of decoded images: choose another folder, or check its permissions`;
    return new McLossError("ERR_IO", text, { path: this.#dir, argument: "diskCache", cause });
  }
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
}

/** Undefined where there is no such file; false where it is not what was written. */
async function readChecked(path: string, target: Uint8Array): Promise<boolean | undefined> {
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    if (size !== target.byteLength + CHECKSUM_BYTES) return false;
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    await file.read(target, 0, target.byteLength, 0);
    await file.read(checksum, 0, CHECKSUM_BYTES, target.byteLength);
    return crc32(target) === checksum.readUInt32LE();
  } catch {
    return false;
  } finally {
    await file.close();
  }
}
