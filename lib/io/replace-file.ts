import { close, openSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import { syncFile } from "./sync-file.js";
import { removeAbandoned, temporaryName } from "./temporary-file.js";

/**
 * Replaces a file as a whole: `start` and what `write` adds go to a temporary file beside it, which is then forced to the disk and renamed. A
 * process killed at any moment, or a disk that is full, leaves the old file or the new one. A link stays a link.
 * `write` is called before this function returns, so that what it asks of the executor keeps its place in the order.
 * @throws McLossError ERR_IO naming the path; what `write` throws
 */
export async function replaceFile(
  path: string,
  start: Buffer,
  write: (descriptor: number) => Promise<void>,
): Promise<void> {
  const { target, temporary, descriptor } = create(path);
  try {
    try {
      writeStart(path, descriptor, start);
      await write(descriptor);
      await named(path, syncFile(descriptor));
    } finally {
      await promisify(close)(descriptor);
    }
    await named(path, rename(temporary, target));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
    throw error;
  }
  await named(path, syncFolder(dirname(target)));
  await removeAbandoned(target).catch(() => undefined); // another's, which may be gone or out of reach
}

/** Replaces a file by a text or by bytes, as {@link replaceFile} does. */
export function replaceWith(path: string, content: string | Uint8Array): Promise<void> {
  return replaceFile(path, Buffer.from(content), () => Promise.resolve());
}

function create(path: string): { target: string; temporary: string; descriptor: number } {
  try {
    const target = findTarget(path);
    const temporary = temporaryName(target);
    return { target, temporary, descriptor: openSync(temporary, "wx+") };
  } catch (cause) {
    throw writingFailed(path, cause);
  }
}

function writeStart(path: string, descriptor: number, start: Buffer): void {
  try {
    writeFileSync(descriptor, start);
  } catch (cause) {
    throw writingFailed(path, cause);
  }
}

/** The file that `path` leads to. Devices and folders must not be renamed over. */
function findTarget(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) return path;
  if (status.isFile()) return realpathSync(path);
  throw new McLossError("ERR_IO", `cannot write ${path}: it is not a file`, { path });
}

/** Gives a failure of writing `path` its name; `done` may come from native code or from node:fs. */
export async function named<T>(path: string, done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (cause) {
    throw writingFailed(path, cause);
  }
}

function writingFailed(path: string, cause: unknown): unknown {
  if (cause instanceof McLossError && (cause.code !== "ERR_IO" || cause.path !== undefined)) return cause;
  const text = cause instanceof McLossError ? cause.message : `cannot write ${path}: ${reasonOf(cause)}`;
  return new McLossError("ERR_IO", text, { path, cause });
}

/** So that the new name survives a crash. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await syncFile(folder.fd);
  } finally {
    await folder.close();
  }
}
