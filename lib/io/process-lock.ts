import { setTimeout as sleep } from "node:timers/promises";
import { dirname } from "node:path";
import { throwIfAborted } from "../abort.js";
import { McLossError } from "../errors.js";
import { makeFolder } from "../make-folder.js";
import { reasonOf } from "../system-error.js";
import type { Reporter } from "../reporter.js";

const POLL_MS = 500;
/** A lock that nobody has touched for so long is of a process that was killed; it is touched every half of it. */
const STALE_MS = 10_000;

export interface LockOptions {
  /** What is done, for people: "setup" or "download". */
  work: string;
  reporter: Reporter;
  signal?: AbortSignal | undefined;
}

/**
 * Does something that two processes must not do at once, and waits for the one that is at it. As it makes a file, it finds
 * out whether the folder can be written.
 * @throws McLossError ERR_IO where it cannot
 */
export async function withLock<T>(path: string, lock: LockOptions, action: () => Promise<T>): Promise<T> {
  const release = await acquire(path, lock);
  try {
    return await action();
  } finally {
    await release();
  }
}

async function acquire(path: string, { work, reporter, signal }: LockOptions): Promise<() => Promise<void>> {
  const { default: lockfile } = await import("proper-lockfile");
  const options = { realpath: false, stale: STALE_MS, lockfilePath: path };
  let waits = false;
  for (;;) {
    throwIfAborted(signal, `the ${work}`);
    try {
      await makeFolder(dirname(path));
      return await lockfile.lock(path, options);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ELOCKED") throw notWritable(dirname(path), error);
    }
    if (!waits) reporter.start(`waiting for another ${work}, which is at work`);
    waits = true;
    await sleep(POLL_MS);
  }
}

/** ERR_IO about a folder of the cache. */
function notWritable(folder: string, cause: unknown): McLossError {
  const text = `${folder} cannot be written: ${reasonOf(cause)}. Set MCLOSS_CACHE to a folder that you may write: MCLOSS_CACHE=/path/to/folder npx mcloss …`;
  return new McLossError("ERR_IO", text, { path: folder, cause });
}
