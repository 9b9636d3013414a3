import { basename, join, resolve } from "node:path";
import { McLossError } from "../../errors.js";
import { listFolders, readClassFolders, type ClassFolderOptions } from "../class-folders.js";
import { kindOfName } from "../../image/formats.js";
import { listVisible } from "../list-images.js";
import { PassedOver } from "../passed-over.js";
import type { ListedSample, Listing, SplitPart } from "./layout.js";
import { findPartPairs, partOf } from "./parts.js";
import type { Report } from "./problems.js";

/**
 * A folder of images by class; or with such folders in it, as train/, val/ (valid/, validation/) and test/, which are then
 * its parts. A folder that lies in one of its own name, and is alone there, is taken for it.
 * @throws McLossError ERR_DATASET where it cannot be told what is a part and what a class
 */
export async function listFolder(dir: string, options: ClassFolderOptions, report: Report): Promise<Listing> {
  const notes: string[] = [];
  const passedOver = new PassedOver();
  const root = await undouble(dir, notes);
  const parts = await findParts(root, notes);
  if (parts.length === 0) {
    const found = await readClassFolders(root, passedOver, options, report);
    return withNotes(found, [...notes, ...found.notes], passedOver);
  }
  let { classes } = options;
  const samples: ListedSample[] = [];
  for (const { split, path } of parts) {
    const inside = await undouble(path, notes);
    const part = await readClassFolders(inside, passedOver, { ...options, classes }, report);
    // What is to be learnt is in train/.
    classes ??= part.classes;
    for (const sample of part.samples) samples.push({ ...sample, split });
    for (const note of part.notes) notes.push(note);
  }
  return withNotes({ classes: classes ?? [], samples }, notes, passedOver);
}

function withNotes(
  { classes, samples }: Pick<Listing, "classes" | "samples">,
  notes: readonly string[],
  passedOver: PassedOver,
): Listing {
  return {
    classes,
    samples,
    notes: [...notes, ...passedOver.notes()],
    passedOver: passedOver.counts(),
  };
}

interface Part {
  split: SplitPart;
  path: string;
}

/** What a folder holds right in it. */
type Content = "images" | "folders" | "both" | "nothing";

/** In the order of training, validation, test; none where `dir` is a folder of classes. */
async function findParts(dir: string, notes: string[]): Promise<Part[]> {
  const folders = await Promise.all(
    (await listFolders(dir)).map(async (folder) => ({
      ...folder,
      split: partOf(folder.name),
      content: await contentOf(folder.path),
    })),
  );
  const full = folders.filter(({ content }) => content !== "nothing");
  // Stray images make no class of a part, but a class may have some of its images in folders.
  const hasClasses = full.some(({ split, content }) => split === undefined && content !== "folders");
  const parts = full.flatMap(({ split, name, path, content }) =>
    split && (content === "folders" || (content === "both" && !hasClasses)) ? [{ split, name, path }] : [],
  );
  const others = full.filter(({ path }) => !parts.some((part) => part.path === path));
  if (parts.length === 0) {
    const pairs = findPartPairs(full);
    if (pairs.length > 0) throw noClasses(dir, pairs);
    return [];
  }
  const splits = new Set(parts.map(({ split }) => split));
  const classes = others.filter(({ split, content }) => split === undefined && content !== "folders");
  // A class may be called test, and its images be in folders.
  if (!splits.has("train") && classes.length > 0) return [];
  if (splits.size === 1 && classes.length > 0) throw partOrClass(dir, parts, classes);
  const unsorted = others.find(({ split }) => split === "train");
  if (unsorted) throw noClasses(dir, [unsorted]);
  for (const split of ["train", "val", "test"] as const) refuseSeveral(dir, split, parts);
  if (others.length > 0) {
    const names = others.map(({ name }) => `${name}/`).join(", ");
    notes.push(
      `${names} in ${dir} ${others.length > 1 ? "are" : "is"} passed over: the images to use are in ${namesOf(parts)}`,
    );
  }
  const order: readonly SplitPart[] = ["train", "val", "test"];
  return parts.sort((a, b) => order.indexOf(a.split) - order.indexOf(b.split));
}

async function contentOf(dir: string): Promise<Content> {
  const entries = await listVisible(dir);
  const images = entries.some(({ name, kind }) => kind !== "folder" && kindOfName(name) === "image");
  const folders = (await listFolders(dir)).length > 0;
  if (images) return folders ? "both" : "images";
  return folders ? "folders" : "nothing";
}

/** The folder itself, or the one that alone lies in it and has its name or a set's parts: archives are unpacked so. */
async function undouble(dir: string, notes: string[]): Promise<string> {
  const [only, ...others] = await listFolders(dir);
  if (!only || others.length > 0 || (await contentOf(dir)) !== "folders") return dir;
  const inside = await listFolders(only.path);
  const doubled = only.name.toLowerCase() === basename(resolve(dir)).toLowerCase();
  const divided = inside.some(({ name }) => partOf(name) === "train");
  if (inside.length === 0 || !(doubled || divided)) return dir;
  notes.push(`the images are taken from ${only.path}, which lies alone in ${dir}`);
  return undouble(only.path, notes);
}

function namesOf(folders: readonly { name: string }[]): string {
  return folders.map(({ name }) => `${name}/`).join(", ");
}

function refuseSeveral(dir: string, split: SplitPart, parts: readonly (Part & { name: string })[]): void {
  const same = parts.filter((part) => part.split === split);
  if (same.length < 2) return;
  const text = `${dir} has ${namesOf(same)}, which all stand for its ${split} part: keep one of them`;
  throw new McLossError("ERR_DATASET", text, { path: dir });
}

function noClasses(dir: string, folders: readonly { name: string; content: Content }[]): McLossError {
  const names = namesOf(folders);
  const sorted = folders.every(({ content }) => content === "folders");
  const [first] = folders;
  const text = sorted
    ? `${names} in ${dir} look like parts of a set rather than classes: name them train, val and test, or give one, such as ${join(dir, first?.name ?? "")}, and another with --validation`
    : `${names} in ${dir} have images that are not sorted into classes: put each class's images in a folder of the class's name`;
  return new McLossError("ERR_DATASET", text, { path: dir });
}

function partOrClass(
  dir: string,
  parts: readonly (Part & { name: string })[],
  classes: readonly { name: string }[],
): McLossError {
  const [first] = parts;
  const text =
    `${dir} has ${namesOf(parts)}, with folders in it as a part of a set has, and ${namesOf(classes.slice(0, 3))}, with images in it as a class has: ` +
    `give ${first?.path ?? dir} if its folders are the classes; if ${first?.name ?? "it"} is a class, put its images right into it`;
  return new McLossError("ERR_DATASET", text, { path: dir });
}
