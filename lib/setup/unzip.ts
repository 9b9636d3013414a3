import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import yauzl, { type Entry, type Options, type ZipFile } from "yauzl";
import type { Reporter } from "./reporter.js";

const open = promisify<string, Options, ZipFile>(yauzl.open);

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
  const zip = await open(file, { lazyEntries: true, autoClose: true });
  const openStream = promisify<Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip));
  reporter.start("unpacking LibTorch", zip.entryCount);
  let done = 0;
  try {
    for await (const entry of entriesOf(zip)) {
      reporter.update(++done);
      const path = choose(entry.fileName);
      if (path === undefined || path.endsWith("/")) continue;
      await mkdir(dirname(join(target, path)), { recursive: true });
      await pipeline(await openStream(entry), createWriteStream(join(target, path)));
    }
  } finally {
    zip.close();
    reporter.stop();
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry, void, void> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      zip.once("entry", resolve);
      zip.once("end", () => resolve(undefined));
      zip.once("error", reject);
      zip.readEntry();
    });
    zip.removeAllListeners("entry").removeAllListeners("end").removeAllListeners("error");
    if (!entry) return;
    yield entry;
  }
}
