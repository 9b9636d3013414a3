import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import yauzl from "yauzl";
import { readZipEntry, zipEntries } from "../io/zip-entry.js";
import type { Reporter } from "./reporter.js";

/**
 * Unpacks the entries that `choose` gives a path, relative to `target`; undefined leaves an entry out. yauzl refuses
 * entries whose names lead out of the folder.
 */
export async function unzip(
  file: string,
  target: string,
  choose: (name: string) => string | undefined,
  reporter: Reporter,
): Promise<void> {
  const zip = await yauzl.openPromise(file, { autoClose: false });
  reporter.start("unpacking LibTorch", zip.entryCount);
  let done = 0;
  try {
    for await (const entry of zipEntries(zip)) {
      reporter.update(++done);
      const path = choose(entry.fileName);
      if (path === undefined || path.endsWith("/")) continue;
      await mkdir(dirname(join(target, path)), { recursive: true });
      await pipeline(readZipEntry(zip, entry), createWriteStream(join(target, path)));
    }
  } finally {
    zip.close();
    reporter.stop();
  }
}
