import { checkPlace } from "../../check-argument.js";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { McLossError } from "../../errors.js";
import type { ListDataset } from "../dataset.js";
import type { Layout, ListedSample, Listing, ListOptions, OpenOptions, ReadDataset } from "./layout.js";
import { exists, innermost } from "./paths.js";
import { throwProblem, type Report } from "./problems.js";
import { openSplit } from "./splits.js";

/** The folder with the set in it: `dir` itself, or the published folder within it, or one of its own name in these. */
export async function findRoot<Options>(dir: string, layout: Layout<Options>): Promise<string | undefined> {
  const { markers, foreign = [] } = layout;
  for (const root of await possibleRoots(dir, layout)) {
    const others = await Promise.all(foreign.map((file) => exists(join(root, file))));
    if (!others.some(Boolean) && (await hasAll(root, markers))) return root;
  }
  return undefined;
}

/** What a set in `dir` lacks that is certainly meant to be of this layout, in words; undefined where nothing tells. */
export async function findLack<Options>(dir: string, layout: Layout<Options>): Promise<string | undefined> {
  const { title, markers, foreign = [], signs } = layout;
  for (const root of await possibleRoots(dir, layout)) {
    const others = await Promise.all(foreign.map((file) => exists(join(root, file))));
    if (others.some(Boolean) || !(await hasAll(root, signs))) continue;
    const lists = await Promise.all(
      markers.map(async (files) => ({ files, missing: await missingOf(root, files) })),
    );
    const begun = lists.filter(({ files, missing }) => missing.length < files.length);
    const lacks = (begun.length > 0 ? begun : lists).map(({ missing }) => missing.join(" and "));
    return `${root} looks like ${title} but lacks ${lacks.join(", or ")}`;
  }
  return undefined;
}

async function possibleRoots<Options>(dir: string, { folder }: Layout<Options>): Promise<string[]> {
  const inner = join(dir, folder);
  const own = join(dir, basename(resolve(dir)));
  return [dir, inner, await innermost(inner), own];
}

/** Whether all files of one of the lists are there. */
async function hasAll(root: string, lists: readonly (readonly string[])[]): Promise<boolean> {
  for (const files of lists) if ((await missingOf(root, files)).length === 0) return true;
  return false;
}

async function missingOf(root: string, files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(files.map((file) => exists(join(root, file))));
  return files.filter((_, i) => !found[i]);
}

/** Finds a published set in `dir` and reads its annotations. */
export async function readPublished<Options>(
  dir: string,
  layout: Layout<Options>,
  report: Report,
  options: Options & ListOptions,
): Promise<ReadDataset> {
  const root = await findRoot(dir, layout);
  const { kind, title, markers, foreign = [] } = layout;
  if (root === undefined) {
    const files = markers.map((list) => list.join(" and ")).join(", or ");
    const but = foreign.length > 0 ? `, and no ${foreign.join(", ")}` : "";
    const text = `${dir} does not hold ${title}: give the folder that has ${files}${but}`;
    throw new McLossError("ERR_DATASET", text, { path: dir });
  }
  const listing = await layout.list(root, report, options);
  const listed = options.allowPartial && !options.keepMissing ? await leaveOutMissing(listing) : listing;
  const published = listed.published ?? layout.published?.(options);
  return { kind, title, root, ...listed, published };
}

/** What is there of a set, some of whose images are not. */
async function leaveOutMissing(listing: Listing): Promise<Listing> {
  const folders = new Map<string, ReadonlySet<string>>();
  for (const folder of new Set(listing.samples.map(({ path }) => dirname(path)))) {
    folders.set(folder, new Set(await readdir(folder).catch(() => [])));
  }
  const samples = listing.samples.filter(({ path }) => folders.get(dirname(path))?.has(basename(path)));
  const missing = listing.samples.length - samples.length;
  if (missing === 0) return listing;
  const note = `${missing} of ${listing.samples.length} listed images are not there and are left out`;
  return { ...listing, samples, notes: [...(listing.notes ?? []), note] };
}

/** Reads a published set and takes a split. */
export async function openPublished<Options>(
  dir: string,
  layout: Layout<Options>,
  options: Options & OpenOptions,
): Promise<ListDataset<ListedSample>> {
  checkPlace("dir", dir);
  return openSplit(await readPublished(dir, layout, throwProblem, options), options);
}
