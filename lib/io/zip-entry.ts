import { crc32 } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";

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

function ignore(): void {
  // An emitter without a listener ends the process.
}
