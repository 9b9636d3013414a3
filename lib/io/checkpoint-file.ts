import { open, type FileHandle } from "node:fs/promises";
import { McLossError } from "../errors.js";

/** An `ERR_CHECKPOINT` error about a file, whose message starts with the file's path. */
export function unreadable(path: string, problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_CHECKPOINT", `${path} ${problem}`, { path, cause });
}

/** A checkpoint that is open for reading, with its size when it was opened. Every read is checked against it. */
export class CheckpointFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    readonly handle: FileHandle,
  ) {}

  /** Opens `path`, gives it to `use` and closes it. */
  static async use<T>(path: string, use: (file: CheckpointFile) => Promise<T>): Promise<T> {
    const handle = await open(path).catch((cause: unknown) => {
      const text = `cannot open the checkpoint ${path}: check the path`;
      throw new McLossError("ERR_CHECKPOINT", text, { path, cause });
    });
    try {
      const status = await handle.stat();
      if (!status.isFile()) throw unreadable(path, "is not a file: give the path of a checkpoint");
      return await use(new CheckpointFile(path, status.size, handle));
    } finally {
      await handle.close();
    }
  }

  /** `length` bytes from `position`. */
  async read(position: number, length: number): Promise<Buffer> {
    if (position + length > this.size) throw this.truncated(position + length);
    const buffer = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.handle.read(buffer, done, length - done, position + done);
      if (bytesRead === 0) throw this.truncated(position + length);
      done += bytesRead;
    }
    return buffer;
  }

  truncated(expected: number, reason = ""): McLossError {
    const sizes = `${this.size} bytes, expected ${expected}${reason}`;
    const text = `the checkpoint ${this.path} is truncated (${sizes}): copy it again, or use an older one`;
    return new McLossError("ERR_CHECKPOINT", text, { path: this.path });
  }
}
