import { randomUUID } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MOST_NAME_BYTES, shortenName } from "./file-name.js";

const MARK = ".tmp-";
const TEMPORARY = /\.tmp-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Nothing writes a file with longer pauses. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;
const UUID_BYTES = 36;

/** A new name beside `target`, for what is to take its place. */
export function temporaryName(target: string): string {
  return join(dirname(target), startOf(target) + randomUUID());
}

/** Deletes what killed processes left in folders that nobody else writes to now. */
export async function removeTemporaries(...folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
    }
  }
}

/** Deletes what killed processes left of `target`, where nothing was written to it for a day. */
export async function removeAbandoned(target: string): Promise<void> {
  const folder = dirname(target);
  const start = startOf(target);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !TEMPORARY.test(name)) continue;
    const { mtimeMs } = await stat(join(folder, name));
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(join(folder, name), { force: true });
  }
}

/** What the names of a target's temporary files begin with; that of a long name has not all of it. */
function startOf(target: string): string {
  return shortenName(basename(target), MOST_NAME_BYTES - MARK.length - UUID_BYTES) + MARK;
}
