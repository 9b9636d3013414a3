import { extname, posix } from "node:path";
import { z } from "zod";
import { kindOfName } from "../../image/formats.js";
import { isRecord } from "../../plain-data.js";
import { reasonOf } from "../../system-error.js";
import { McLossError } from "../../errors.js";
import { compressionOf } from "../archive/decompress.js";
import { isHidden } from "../list-images.js";
import { badShard, type ShardFile } from "./shard-file.js";
import { readTarEntries, type TarEntry } from "./tar-entries.js";

/** What a sample is said to be: a number, a class's name, or nothing. */
export type RawLabel = number | string | null;

/** What is in a tar of samples, as plain data: a pass over all its bytes finds it. */
export interface TarIndex {
  /** [path, start, bytes, CRC-32, label] of each image. */
  images: [path: string, start: number, size: number, crc: number, label: RawLabel][];
  /** Names of files that are neither images nor labels. */
  others: string[];
  /** Where two files have one name. */
  repeated: string[];
}

const label = z.union([z.number(), z.string(), z.null()]);
export const tarIndexSchema: z.ZodType<TarIndex> = z.object({
  images: z.array(z.tuple([z.string(), z.int(), z.int(), z.int(), label])),
  others: z.array(z.string()),
  repeated: z.array(z.string()),
});

/** What labels are read from: `KEY.cls`, or `KEY.json`. */
const LABELS = [".cls", ".json"];
const MOST_LABEL_BYTES = 2 ** 20;

/**
 * Reads a tar once. Files of one key, which is a path up to the first dot of its name, are one sample (WebDataset). A sample's label
 * is its `.cls`, or of its `.json` `label`, `cls`, `class` or `class_name`; without either it is the name of the folder
 * that the image is in, as in a tar of a folder of class folders.
 * @throws McLossError ERR_DATASET naming the shard
 */
export async function indexTar(file: ShardFile, signal?: AbortSignal): Promise<TarIndex> {
  const start = await file.read(0, Math.min(file.size, 8), signal);
  const compression = compressionOf(start);
  if (compression !== "none") {
    throw badShard(
      file.name,
      `is compressed by ${compression}: unpack that (images are compressed by themselves), so that they can be read one by one`,
    );
  }
  try {
    return await collect(file, signal);
  } catch (cause) {
    if (cause instanceof McLossError) throw cause;
    throw badShard(file.name, `cannot be used (${reasonOf(cause)}): make it or download it again`, cause);
  }
}

async function collect(file: ShardFile, signal: AbortSignal | undefined): Promise<TarIndex> {
  const images: TarEntry[] = [];
  const labels = new Map<string, RawLabel>();
  const seen = new Set<string>();
  const index: TarIndex = { images: [], others: [], repeated: [] };
  const isLabel = (path: string, size: number) =>
    LABELS.includes(extname(path).toLowerCase()) && size <= MOST_LABEL_BYTES;
  for await (const entry of readTarEntries(file.stream(signal), isLabel)) {
    const { path, bytes } = entry;
    if (path.split("/").some(isHidden)) continue;
    if (seen.has(path)) index.repeated.push(path);
    seen.add(path);
    if (bytes) {
      const found = labelIn(extname(path).toLowerCase(), bytes.toString());
      // What a .cls says goes before what a .json does.
      if (found !== null && !(labels.has(keyOf(path)) && path.endsWith(".json")))
        labels.set(keyOf(path), found);
    } else if (kindOfName(path) === "image") images.push(entry);
    else index.others.push(path);
  }
  for (const { path, start, size, crc } of images) {
    index.images.push([path, start, size, crc, labels.get(keyOf(path)) ?? folderOf(path)]);
  }
  return index;
}

function keyOf(path: string): string {
  const { dir, base } = posix.parse(path);
  return posix.join(dir, base.split(".", 1)[0] ?? "");
}

function folderOf(path: string): string | null {
  const { dir } = posix.parse(path);
  return dir === "" ? null : posix.basename(dir);
}

function labelIn(extension: string, text: string): RawLabel {
  if (extension === ".cls") return labelOf(text.trim());
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value)) return labelOf(value);
    return labelOf(value["label"] ?? value["cls"] ?? value["class"] ?? value["class_name"]);
  } catch {
    return null;
  }
}

/** A text of digits is the number of a class. */
function labelOf(value: unknown): RawLabel {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  if (typeof value !== "string" || value === "") return null;
  return /^\d{1,9}$/.test(value) ? Number(value) : value;
}
