import yauzl, { type Entry, type ZipFile } from "yauzl";
import { McLossError } from "../errors.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";

/** Where the bytes of a file in a zip lie, as they are: `offset` counts from the start of the zip. */
export interface ZipRecord {
  offset: number;
  bytes: number;
}

/**
 * The directory of a zip whose files are stored as they are. They lie inside the zip, under names of their own and
 * without overlaps, so that together they are no larger than it.
 * @throws McLossError ERR_CHECKPOINT
 */
export async function readZipRecords(file: CheckpointFile): Promise<Map<string, ZipRecord>> {
  const records = new Map<string, ZipRecord>();
  try {
    const reader = new BoundedReader(file);
    const zip = await yauzl.fromRandomAccessReaderPromise(reader, file.size, { autoClose: false });
    for await (const entry of zip.eachEntry()) {
      const { fileName } = entry;
      if (records.has(fileName)) throw unreadable(file.path, `is refused: it has ${fileName} twice`);
      records.set(fileName, await locate(file, zip, entry));
    }
  } catch (cause) {
    if (cause instanceof McLossError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(file.path, `is truncated or damaged: copy it again (${reason})`, cause);
  }
  checkOverlaps(file, records);
  return records;
}

async function locate(file: CheckpointFile, zip: ZipFile, entry: Entry): Promise<ZipRecord> {
  if (entry.compressionMethod !== 0 || entry.isEncrypted()) {
    const problem = `is refused: its ${entry.fileName} is compressed or encrypted. Give a file of torch.save, not of TorchScript`;
    throw unreadable(file.path, problem);
  }
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  return { offset: fileDataStart, bytes: entry.uncompressedSize };
}

function checkOverlaps(file: CheckpointFile, records: ReadonlyMap<string, ZipRecord>): void {
  const sorted = [...records].sort(([, a], [, b]) => a.offset - b.offset);
  let end = 0;
  for (const [name, { offset, bytes }] of sorted) {
    if (offset < end) throw unreadable(file.path, `is refused: its ${name} overlaps another record`);
    end = offset + bytes;
  }
}

/** yauzl's own reader passes offsets of a forged directory on to the system, which throws where none can catch it. */
class BoundedReader extends yauzl.RandomAccessReader {
  readonly #file: CheckpointFile;

  constructor(file: CheckpointFile) {
    super();
    this.#file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#file.read(position, length).then(
      (bytes) => {
        bytes.copy(buffer, offset);
        setImmediate(callback, null);
      },
      (error: unknown) => setImmediate(callback, error as Error),
    );
  }
}
