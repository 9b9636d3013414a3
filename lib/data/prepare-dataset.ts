import { checkPlaces } from "../check-argument.js";
import { z } from "zod";
import { abortShape, callback, count, flag, optionsOf, parseOptions, text, type Shape } from "../schema.js";
import { DATASET_KINDS, type DatasetKind } from "./sets/layout.js";
import { readdir, rename, stat } from "node:fs/promises";
import { basename, extname, join, relative, sep } from "node:path";
import { throwIfAborted } from "../abort.js";
import { McLossError } from "../errors.js";
import type { ArchiveLimits } from "./archive/entry-policy.js";
import { hashFile } from "../io/hash-file.js";
import { StagingFolder } from "../io/staging-folder.js";
import { reasonOf } from "../system-error.js";
import { KNOWN_SHA256 } from "./archive/known-archives.js";
import { unpack } from "./archive/unpack.js";
import { detectKind, PUBLISHED_LAYOUTS } from "./open-dataset.js";
import { exists } from "./sets/paths.js";
import { findRoot } from "./sets/published.js";

/** Options of {@link prepareDataset}. */
export interface PrepareOptions {
  /** The folder that the data set's folder is put into. Default "data". */
  out?: string;
  /** Default: what the files tell. */
  kind?: DatasetKind;
  /** Takes a file that has a published one's name and other content. Default false. */
  anyChecksum?: boolean;
  limits?: ArchiveLimits;
  signal?: AbortSignal;
  /** Called as the work goes on, with what is done. */
  onProgress?: (step: "checking the archives" | "unpacking", done: number, total: number) => void;
}

const schema = optionsOf<PrepareOptions>({
  ...abortShape,
  out: text.optional(),
  kind: z.enum(DATASET_KINDS).optional(),
  anyChecksum: flag.optional(),
  limits: z
    .strictObject({ entries: count.optional(), bytes: count.optional() } satisfies Shape<ArchiveLimits>)
    .optional(),
  onProgress: callback.optional(),
});

/** One archive that was unpacked. */
export interface PreparedArchive {
  path: string;
  sha256: string;
  /** Whether the SHA-256 is the published file's; absent where none of the name is known. */
  published?: boolean;
}

/** What {@link prepareDataset} made. */
export interface PreparedDataset {
  kind: DatasetKind;
  /** Where the data set is now. */
  root: string;
  archives: PreparedArchive[];
}

/**
 * Unpacks what was downloaded of a data set, all its archives at once, and puts it where it is looked for: a published
 * set in `out`/(its published folder), another in `out`/(the archive's name). It appears whole or not at all.
 * @throws McLossError ERR_DATASET for an archive that is damaged, refused or not the published one, and where the place
 *   is taken; ERR_IO where it cannot be written; ERR_ABORTED
 */
export async function prepareDataset(
  archives: readonly string[],
  given: PrepareOptions = {},
): Promise<PreparedDataset> {
  const options = parseOptions(schema, given);
  checkPlaces("archives", archives);
  const { out = "data", signal } = options;
  const checked = await checkArchives(archives, options);
  const folder = await makeFolder(out);
  const staging = folder.path;
  try {
    const progress = await meter(archives, (done, total) => options.onProgress?.("unpacking", done, total));
    for (const path of archives) {
      await unpack(path, staging, { ...options, onBytes: progress });
      throwIfAborted(signal, "preparing");
    }
    const { kind, found, name } = await recognise(staging, archives, options.kind);
    const root = join(out, name);
    if (await isTaken(root)) {
      const text = `${root} is there already: use it as it is, remove it, or give another --out`;
      throw new McLossError("ERR_DATASET", text, { path: root });
    }
    await gather(staging, found);
    await rename(found, root);
    return { kind, root, archives: checked };
  } finally {
    await folder.remove();
  }
}

async function checkArchives(
  archives: readonly string[],
  { signal, anyChecksum = false, onProgress }: PrepareOptions,
): Promise<PreparedArchive[]> {
  const onBytes = await meter(archives, (done, total) => onProgress?.("checking the archives", done, total));
  const checked: PreparedArchive[] = [];
  for (const path of archives) {
    throwIfAborted(signal, "preparing");
    const sha256 = await hashFile(path, { onBytes, signal }).catch((cause: unknown) => {
      throwIfAborted(signal, "preparing");
      throw unreadableArchive(path, cause);
    });
    const expected = KNOWN_SHA256.get(basename(path));
    if (expected !== undefined && expected !== sha256 && !anyChecksum) {
      const text = `${path} is not the published file: its SHA-256 is ${sha256}, published is ${expected}. Download it again, or take it as it is with { anyChecksum: true } (--any-checksum)`;
      throw new McLossError("ERR_DATASET", text, { path });
    }
    checked.push({ path, sha256, ...(expected !== undefined && { published: expected === sha256 }) });
  }
  return checked;
}

function unreadableArchive(path: string, cause: unknown): McLossError {
  const text = `cannot read the archive ${path} (${reasonOf(cause)}): check the path`;
  return new McLossError("ERR_DATASET", text, { path, cause });
}

/** Adds up bytes read of all archives. */
async function meter(
  archives: readonly string[],
  onProgress: (done: number, total: number) => void,
): Promise<(count: number) => void> {
  let total = 0;
  for (const path of archives) {
    const status = await stat(path).catch((cause: unknown) => {
      throw unreadableArchive(path, cause);
    });
    if (!status.isFile())
      throw new McLossError("ERR_DATASET", `${path} is no file: give the archives`, { path });
    total += status.size;
  }
  let done = 0;
  return (count) => onProgress((done += count), total);
}

async function makeFolder(out: string): Promise<StagingFolder> {
  return StagingFolder.make(out).catch((cause: unknown) => {
    if (cause instanceof McLossError) throw cause;
    const text = `cannot write to the folder ${out} (${reasonOf(cause)}): check its permissions, or give another --out`;
    throw new McLossError("ERR_IO", text, { path: out, cause });
  });
}

interface Recognised {
  kind: DatasetKind;
  /** The set's folder within what was unpacked. */
  found: string;
  /** What it is to be called. */
  name: string;
}

async function recognise(
  staging: string,
  archives: readonly string[],
  wanted: DatasetKind | undefined,
): Promise<Recognised> {
  const only = await onlyFolder(staging);
  const kind = wanted ?? (await detectKind((await detectKind(staging)) === "folder" ? only : staging));
  const layout = PUBLISHED_LAYOUTS.find((one) => one.kind === kind);
  if (!layout) return { kind, found: only, name: stem(archives[0] ?? "data") };
  const found = (await findRoot(staging, layout)) ?? (await findRoot(only, layout));
  if (found !== undefined) return { kind, found, name: layout.folder };
  const files = layout.markers.map((list) => list.join(" and ")).join(", or ");
  const text = `${archives.join(", ")} ${archives.length > 1 ? "are" : "is"} not the whole of ${layout.title}: ${files} must be in it; give all its archives and .mat files at once`;
  throw new McLossError("ERR_DATASET", text, { path: archives[0] ?? "" });
}

/** The folder that all of an archive is in, where there is one. */
async function onlyFolder(staging: string): Promise<string> {
  const [first, ...others] = await readdir(staging, { withFileTypes: true });
  return first?.isDirectory() && others.length === 0 ? join(staging, first.name) : staging;
}

/** Brings what was unpacked beside the set's folder into it, where its name is free: an archive's own notes. */
async function gather(staging: string, found: string): Promise<void> {
  const [top = ""] = relative(staging, found).split(sep);
  if (top === "") return;
  for (const name of await readdir(staging)) {
    const target = join(found, name);
    if (name !== top && !(await exists(target))) await rename(join(staging, name), target);
  }
}

async function isTaken(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => undefined);
  return names === undefined ? exists(path) : names.length > 0;
}

function stem(archive: string): string {
  const name = basename(archive).replace(/\.(tgz|tbz2?|txz|tar\.(gz|bz2|xz)|tar|zip)$/i, "");
  return name === "" ? basename(archive, extname(archive)) : name;
}
