import { once } from "node:events";
import { createReadStream } from "node:fs";
import { Parser, type ReadEntry } from "tar";
import { throwIfAborted } from "../../abort.js";
import type { EntryInfo, EntryPolicy } from "./entry-policy.js";
import type { UnpackOptions } from "./unpack.js";
import { writeEntry } from "./write-entry.js";

/** Unpacks a tar, compressed by gzip or not. When it ends, also in an error, nothing is written any more. */
export async function unpackTar(
  archive: string,
  folder: string,
  policy: EntryPolicy,
  { signal, onBytes }: UnpackOptions,
): Promise<void> {
  const parser = new Parser({ strict: true });
  let current: ReadEntry | undefined;
  let failed = false;
  const take = async (entry: ReadEntry): Promise<void> => {
    if (failed || !policy.admit(entryInfo(entry))) {
      entry.resume();
      return;
    }
    current = entry;
    await writeEntry(folder, entry.path, entry);
  };
  // One after another, as the parser gives them.
  let writing = Promise.resolve();
  parser.on("entry", (entry: ReadEntry) => {
    writing = writing
      .then(() => take(entry))
      .catch((error: unknown) => {
        failed = true;
        parser.abort(error as Error);
      });
  });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on("end", resolve);
    parser.on("error", reject);
  });
  // It is awaited below; until then it must not count as unhandled.
  ended.catch(() => undefined);
  try {
    for await (const chunk of createReadStream(archive)) {
      throwIfAborted(signal, "preparing");
      const bytes = chunk as Buffer;
      onBytes?.(bytes.length);
      if (!parser.write(bytes)) await Promise.race([once(parser, "drain"), ended]);
    }
    parser.end();
    await ended;
  } catch (error) {
    failed = true;
    current?.destroy(error);
    throw error;
  } finally {
    await writing;
  }
}

function entryInfo({ path, type, size }: ReadEntry): EntryInfo {
  const file = type === "File" || type === "OldFile" || type === "ContiguousFile";
  const folder = type === "Directory";
  return { name: path, type: file ? "file" : folder ? "folder" : "other", bytes: size };
}
