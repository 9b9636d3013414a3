import yauzl, { type Entry } from "yauzl";
import { throwIfAborted } from "../../abort.js";
import { BoundedReader, type ByteSource } from "../../io/bounded-reader.js";
import { openFile } from "../../io/open-file.js";
import { readZipEntry, zipEntries } from "../../io/zip.js";
import type { EntryInfo, EntryPolicy, UnpackOptions } from "./entry-policy.js";
import { writeEntry } from "./write-entry.js";

/** Unpacks a zip. */
export async function unpackZip(
  archive: string,
  folder: string,
  policy: EntryPolicy,
  { signal, onBytes }: UnpackOptions,
): Promise<void> {
  const handle = await openFile(archive);
  try {
    const { size } = await handle.stat();
    const source: ByteSource = {
      async read(position, length) {
        throwIfAborted(signal, "preparing");
        if (position + length > size) throw new Error("it is cut short");
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
        if (bytesRead < length) throw new Error("it is cut short");
        return buffer;
      },
    };
    const zip = await yauzl.fromRandomAccessReaderPromise(new BoundedReader(source), size, {
      autoClose: false,
    });
    for await (const entry of zipEntries(zip)) {
      throwIfAborted(signal, "preparing");
      if (!policy.admit(entryInfo(entry))) continue;
      await writeEntry(folder, entry.fileName, () => readZipEntry(zip, entry));
      onBytes?.(entry.compressedSize);
    }
  } finally {
    await handle.close();
  }
}

/** The upper half of the attributes is a Unix mode; its first 4 bits tell files from links and devices. */
const FORMAT_BITS = 0o170000;
const FILE = 0o100000;
const FOLDER = 0o040000;

function entryInfo(entry: Entry): EntryInfo {
  const format = (entry.externalFileAttributes >>> 16) & FORMAT_BITS;
  const name = entry.fileName;
  const folder = name.endsWith("/");
  const plain = format === 0 || format === (folder ? FOLDER : FILE);
  return { name, type: plain ? (folder ? "folder" : "file") : "other", bytes: entry.uncompressedSize };
}
