import { McLossError } from "../../errors.js";
import { readWhole } from "../../io/open-file.js";
import { reasonOf } from "../../system-error.js";

/** The largest annotation file that is read whole: a text has at most 512 MiB. */
const MOST_BYTES = 500 * 2 ** 20;

/** A line of an annotation file, without its end. */
export interface Line {
  /** From 1. */
  number: number;
  text: string;
}

/**
 * The bytes of an annotation file.
 * @throws McLossError ERR_DATASET naming the file where it cannot be read or is too large
 */
export async function readAnnotation(path: string, mostBytes = MOST_BYTES): Promise<Buffer> {
  try {
    return await readWhole(path, { mostBytes });
  } catch (cause) {
    const text = `cannot read the annotation file ${path} (${reasonOf(cause)}): check the path, or unpack the data set again`;
    throw new McLossError("ERR_DATASET", text, { path, cause });
  }
}

/** The text of a UTF-8 file, without a byte order mark. */
export async function readText(path: string): Promise<string> {
  const bytes = await readAnnotation(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const text = `${path}:${findBadLine(bytes)}: is not UTF-8: save the file as UTF-8`;
    throw new McLossError("ERR_DATASET", text, { path, cause });
  }
}

/** The lines of a UTF-8 file that are not blank. Windows' line ends are taken too. */
export async function readLines(path: string): Promise<Line[]> {
  const lines = (await readText(path)).split("\n");
  return lines
    .map((text, index) => ({ number: index + 1, text: text.trim() }))
    .filter(({ text }) => text !== "");
}

function findBadLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    const stop = end === -1 ? bytes.length : end;
    const text = bytes.subarray(start, stop);
    if (!Buffer.from(text.toString("utf8"), "utf8").equals(text)) return line;
    start = stop + 1;
  }
  return line;
}
