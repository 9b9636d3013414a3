import { createWriteStream } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import yauzl, { type Entry, type ZipFile } from "yauzl";
import { makeFolder } from "../make-folder.js";

/**
 * The entries of an opened zip, one at a time. Where a zip is damaged, its streams tell so more than once, also when nobody
 * listens any more; only the first counts, and it is thrown here.
 */
export async function* zipEntries(zip: ZipFile): AsyncGenerator<Entry, void, void> {
  zip.on("error", ignore);
  yield* zip.eachEntry();
}

/**
 * The bytes of an entry. Read them at once: an error while nobody reads is lost.
 * @throws Error where they are not those that were packed
 */
export async function* readZipEntry(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer, void, void> {
  const stream = await zip.openReadStreamPromise(entry);
  stream.on("error", ignore);
  let sum = 0;
  for await (const chunk of stream) {
    sum = crc32(chunk as Buffer, sum);
    yield chunk as Buffer;
  }
  if (sum !== entry.crc32) throw new Error(`${entry.fileName} has another checksum than when it was packed`);
}

/**
 * Unpacks the entries that `choose` gives a path, relative to `target`; undefined leaves an entry out. yauzl refuses
 * entries whose names lead out of the folder.
 * @param onEntry called before each entry, with how many there are
 */
export async function unzip(
  file: string,
  target: string,
  choose: (name: string) => string | undefined,
  onEntry: (done: number, total: number) => void,
): Promise<void> {
  const zip = await yauzl.openPromise(file, { autoClose: false });
  let done = 0;
  try {
    for await (const entry of zipEntries(zip)) {
      onEntry(done, zip.entryCount);
      done += 1;
      const path = choose(entry.fileName);
      if (path === undefined || path.endsWith("/")) continue;
      await makeFolder(dirname(join(target, path)));
      await pipeline(readZipEntry(zip, entry), createWriteStream(join(target, path)));
    }
  } finally {
    zip.close();
  }
}

function ignore(): void {
  // An emitter without a listener ends the process.
}
