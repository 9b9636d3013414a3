import { open, type FileHandle } from "node:fs/promises";
import { native } from "../native/binding.js";

/** A lock on a file that no other process and no other lock of this one has. The system ends it with its process. */
export class FileLock {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Makes the file where it is missing. Undefined where somebody else has the lock. */
  static async acquire(path: string): Promise<FileLock | undefined> {
    const file = await open(path, "a");
    let locked = false;
    try {
      locked = native().tryLock(file.fd);
      return locked ? new FileLock(file) : undefined;
    } finally {
      if (!locked) await file.close();
    }
  }

  release(): Promise<void> {
    return this.#file.close();
  }
}
