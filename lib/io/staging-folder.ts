import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { FileLock } from "./file-lock.js";
import { makeFolder } from "../make-folder.js";

const PREFIX = ".unfinished-";
/** How long a folder may take from being made to being locked. */
const LOCKING_MS = 60_000;

/**
 * A new folder for what is not complete yet, on the disk of `parent`. It is locked while its process lives: what a killed
 * one left is removed when the next is made.
 */
export class StagingFolder {
  /** Where to work; readable for all, unlike the folder around it. */
  readonly path: string;
  readonly #outer: string;
  readonly #lock: FileLock | undefined;

  private constructor(outer: string, lock: FileLock | undefined) {
    this.#outer = outer;
    this.path = join(outer, "content");
    this.#lock = lock;
  }

  /** @throws the file system's error */
  static async make(parent: string): Promise<StagingFolder> {
    await makeFolder(parent);
    await removeAbandoned(parent);
    const outer = await mkdtemp(join(parent, PREFIX));
    // Where there are no locks, nothing is removed either.
    const lock = await FileLock.acquire(lockOf(outer)).catch(() => undefined);
    const folder = new StagingFolder(outer, lock);
    await mkdir(folder.path);
    return folder;
  }

  /** Deletes it with all that is in it. */
  async remove(): Promise<void> {
    await rm(this.#outer, { recursive: true, force: true });
    await this.#lock?.release();
  }
}

function lockOf(outer: string): string {
  return join(outer, "lock");
}

async function removeAbandoned(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(PREFIX));
  // Another process may remove it at the same time, or it is another user's.
  for (const name of names) await removeUnlocked(join(parent, name)).catch(() => undefined);
}

async function removeUnlocked(outer: string): Promise<void> {
  const { birthtimeMs, mtimeMs } = await stat(outer);
  const locked = (await readdir(outer)).includes("content");
  if (!locked && Date.now() - Math.max(birthtimeMs, mtimeMs) < LOCKING_MS) return;
  const lock = await FileLock.acquire(lockOf(outer));
  if (!lock) return;
  await rm(outer, { recursive: true, force: true });
  await lock.release();
}
