import { once } from "node:events";
import { Parser, type ReadEntry } from "tar";
import { throwIfAborted } from "../../abort.js";
import { compressionOf, decompress, type Compression } from "./decompress.js";
import type { EntryInfo, EntryPolicy, UnpackOptions } from "./entry-policy.js";
import { writeEntry } from "./write-entry.js";

/** Unpacks a tar. When it ends, also in an error, nothing is written any more. */
export async function unpackTar(
  archive: string,
  compression: Compression,
  folder: string,
  policy: EntryPolicy,
  { signal, onBytes = () => undefined }: UnpackOptions,
): Promise<void> {
  const unpacker = new TarUnpacker(folder, policy);
  let first = true;
  try {
    for await (const chunk of decompress(archive, compression, onBytes)) {
      throwIfAborted(signal, "preparing");
      if (first && compressionOf(chunk) !== "none") throw new Error("it is compressed twice");
      first = false;
      policy.pass(chunk.length);
      await unpacker.write(chunk);
    }
    await unpacker.end();
  } catch (error) {
    await unpacker.abort(error as Error);
    throw error;
  }
}

class TarUnpacker {
  readonly #folder: string;
  readonly #policy: EntryPolicy;
  readonly #parser = new Parser({ strict: true });
  readonly #ended: Promise<unknown>;
  /** Entries are written one after another, as the parser gives them. */
  #writing = Promise.resolve();
  #current: ReadEntry | undefined;
  #failure: Error | undefined;
  #complete = false;

  constructor(folder: string, policy: EntryPolicy) {
    this.#folder = folder;
    this.#policy = policy;
    this.#ended = new Promise((resolve, reject) => {
      this.#parser.on("end", resolve);
      this.#parser.on("error", reject);
    });
    this.#ended.catch(() => undefined); // awaited in end()
    this.#parser.on("eof", () => (this.#complete = true));
    this.#parser.on("entry", (entry: ReadEntry) => {
      // Without a listener the failure of an entry that is not read yet would end the process.
      entry.on("error", () => undefined);
      this.#writing = this.#writing
        .then(() => this.#take(entry))
        .catch((error: unknown) => {
          this.#failure ??= error as Error;
          this.#parser.abort(error as Error);
        });
    });
  }

  async write(chunk: Buffer): Promise<void> {
    // What follows a tar's end is padding.
    if (this.#complete || this.#parser.write(chunk)) return;
    if (this.#failure) throw this.#failure;
    await once(this.#parser, "drain");
  }

  async end(): Promise<void> {
    this.#parser.end();
    await this.#ended;
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }

  async abort(error: Error): Promise<void> {
    this.#failure ??= error;
    this.#current?.destroy(error);
    await this.#writing;
  }

  async #take(entry: ReadEntry): Promise<void> {
    if (this.#failure || !this.#policy.admit(entryInfo(entry))) {
      entry.resume();
      return;
    }
    this.#current = entry;
    await writeEntry(this.#folder, entry.path, () => {
      // One that was destroyed before it is read never ends.
      if (this.#failure) throw this.#failure;
      return entry;
    });
  }
}

function entryInfo({ path, type, size }: ReadEntry): EntryInfo {
  const file = type === "File" || type === "OldFile" || type === "ContiguousFile";
  const folder = type === "Directory";
  return { name: path, type: file ? "file" : folder ? "folder" : "other", bytes: size };
}
