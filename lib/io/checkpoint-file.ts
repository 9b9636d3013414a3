import type { FileHandle } from "node:fs/promises";
import { McLossError } from "../errors.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import type { StoredTensor } from "../native/binding.js";
import { reasonOf } from "../system-error.js";
import { Tensor } from "../tensor/tensor.js";
import { openFile } from "./open-file.js";

/** An `ERR_CHECKPOINT` error about a file, whose message starts with the file's path. */
export function unreadable(path: string, problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_CHECKPOINT", `${path} ${problem}`, { path, cause });
}

/**
 * A checkpoint that is open for reading, with its size when it was opened. What is checked and what is read are the same
 * file, even if another takes its name meanwhile.
 */
export class CheckpointFile {
  #closed: Promise<void> | undefined;

  private constructor(
    readonly path: string,
    readonly size: number,
    readonly handle: FileHandle,
  ) {}

  /** @throws McLossError ERR_CHECKPOINT when it is missing, may not be read or is no file */
  static async open(path: string): Promise<CheckpointFile> {
    const handle = await openFile(path).catch((cause: unknown) => {
      const text = `cannot open the checkpoint ${path}: ${reasonOf(cause)}`;
      throw new McLossError("ERR_CHECKPOINT", text, { path, cause });
    });
    const { size } = await handle.stat();
    return new CheckpointFile(path, size, handle);
  }

  /** Opens `path`, gives it to `use` and closes it. */
  static async use<T>(path: string, use: (file: CheckpointFile) => Promise<T>): Promise<T> {
    const file = await CheckpointFile.open(path);
    try {
      return await use(file);
    } finally {
      await file.close();
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

  /** New tensors with the elements of stored ones. */
  async readTensors(stored: readonly StoredTensor[], { signal }: AbortOptions = {}): Promise<Tensor[]> {
    const read = abortable(signal, `reading ${this.path}`, (binding) =>
      binding.readTensors(this.handle.fd, this.path, stored),
    );
    const handles = await this.#explained(read);
    return handles.map((handle) => new Tensor(handle));
  }

  /** Reads stored tensors into tensors of the same shapes, without a second copy in memory. */
  async readInto(
    stored: readonly StoredTensor[],
    tensors: readonly Tensor[],
    { signal }: AbortOptions = {},
  ): Promise<void> {
    const handles = tensors.map(({ handle }) => handle);
    const read = abortable(signal, `reading ${this.path}`, (binding) =>
      binding.readInto(this.handle.fd, this.path, stored, handles),
    );
    await this.#explained(read);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.handle.close();
    return this.#closed;
  }

  truncated(expected: number, reason = ""): McLossError {
    const sizes = `${this.size} bytes, expected ${expected}${reason}`;
    const text = `the checkpoint ${this.path} is truncated (${sizes}): copy it again, or use an older one`;
    return new McLossError("ERR_CHECKPOINT", text, { path: this.path });
  }

  /** Says so where a read failed because the file was cut short after it was opened. */
  async #explained<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (cause) {
      const { size } = await this.handle.stat();
      if (size >= this.size) throw cause;
      const text = `was cut from ${this.size} to ${size} bytes while it was read: copy it again`;
      throw unreadable(this.path, text, cause);
    }
  }
}

/** The named tensors of an open file, checked but not read. */
export interface StateFile {
  file: CheckpointFile;
  tensors: ReadonlyMap<string, StoredTensor>;
  /** All as new tensors, in the order of their names. */
  readAll: (options?: AbortOptions) => Promise<Tensor[]>;
}
