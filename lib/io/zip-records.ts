import yauzl, { type Entry, type ZipFile } from "yauzl";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import { BoundedReader } from "./bounded-reader.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { zipEntries } from "./zip.js";

/** Where a file in a zip lies: `offset` counts from the start of the zip. */
export interface ZipRecord {
  offset: number;
  bytes: number;
  /** Whether its bytes lie there as they are, neither compressed nor encrypted. */
  plain: boolean;
}

/**
 * The directory of a zip. Its files lie inside the zip, under names of their own and
 * without overlaps, so that together they are no larger than it.
 * @throws McLossError ERR_CHECKPOINT
 */
export async function readZipRecords(file: CheckpointFile): Promise<Map<string, ZipRecord>> {
  const records = new Map<string, ZipRecord>();
  try {
    const reader = new BoundedReader(file);
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, file.size, { autoClose: false });
    for await (const entry of zipEntries(zip)) {
      const { fileName } = entry;
      if (records.has(fileName)) throw unreadable(file.path, `is refused: it has ${fileName} twice`);
      records.set(fileName, await locate(zip, entry));
    }
  } catch (cause) {
    if (cause instanceof McLossError) throw cause;
    throw unreadable(file.path, `is truncated or damaged: copy it again (${reasonOf(cause)})`, cause);
  }
  checkOverlaps(file, records);
  return records;
}

async function locate(zip: ZipFile, entry: Entry): Promise<ZipRecord> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const plain = entry.compressionMethod === 0 && !entry.isEncrypted();
  return { offset: fileDataStart, bytes: entry.compressedSize, plain };
}

function checkOverlaps(file: CheckpointFile, records: ReadonlyMap<string, ZipRecord>): void {
  const sorted = [...records].sort(([, a], [, b]) => a.offset - b.offset);
  let end = 0;
  for (const [name, { offset, bytes }] of sorted) {
    if (offset < end) throw unreadable(file.path, `is refused: its ${name} overlaps another record`);
    end = offset + bytes;
  }
}
