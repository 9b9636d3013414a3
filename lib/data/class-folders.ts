import { McLossError } from "../errors.js";
import { isDirectory } from "../io/is-directory.js";
import { byCodePoint } from "./code-points.js";
import type { Sample } from "./dataset.js";
import { IMAGE_EXTENSIONS, kindOfName } from "../image/formats.js";
import { findImages, listVisible } from "./list-images.js";
import type { PassedOver } from "./passed-over.js";
import { throwProblem, type Report } from "./sets/problems.js";

/** How a folder of class folders is read. */
export interface ClassFolderOptions {
  /** The classes, in the order of their labels, where a model decides them. Default: the sub-folders' names, sorted. */
  classes?: readonly string[] | undefined;
  /** Takes class folders without images too, as torchvision's `allow_empty`. Default false: ERR_DATASET names the folder. */
  allowEmpty?: boolean | undefined;
}

/** What a folder of class folders has. */
export interface ClassFolders {
  classes: readonly string[];
  samples: Sample[];
  /** For people: what is not as one may think. */
  notes: string[];
}

/**
 * The classes and images of `dir`. A name may be written in several ways in Unicode: classes have it in form NFC, and
 * folders whose names differ in nothing else are one class.
 * @param report takes what is wrong with a class; default: throws
 * @throws McLossError ERR_DATASET when the folder is missing or has no classes
 */
export async function readClassFolders(
  dir: string,
  passedOver: PassedOver,
  { classes: given, allowEmpty = false }: ClassFolderOptions = {},
  report: Report = throwProblem,
): Promise<ClassFolders> {
  const folders = await listClasses(dir);
  const classes = given ?? [...folders.keys()].sort(byCodePoint);
  const labels = labelsByName(classes);
  const samples: Sample[] = [];
  for (const [name, paths] of [...folders].sort(([a], [b]) => byCodePoint(a, b))) {
    const label = labels.get(name);
    const [file = dir] = paths;
    if (label === undefined) {
      report({ file, problem: "is a class that the model does not know: remove it, or train with it" });
      continue;
    }
    const before = samples.length;
    for (const path of paths) {
      for (const image of await findImages(path, passedOver)) samples.push({ path: image, label });
    }
    if (samples.length === before && !allowEmpty) report({ file, problem: EMPTY });
  }
  const notes = [...joinedNotes(folders), ...(await strayNotes(dir, passedOver))];
  return { classes, samples, notes };
}

const EMPTY =
  `has no image (${IMAGE_EXTENSIONS.join(" ")}): add some, remove the folder, ` +
  `or take classes without images with { allowEmpty: true } (--allow-empty)`;

/** The classes' labels by their names in Unicode's form NFC. */
export function labelsByName(classes: readonly string[]): ReadonlyMap<string, number> {
  return new Map(classes.map((name, label) => [name.normalize("NFC"), label]));
}

/** The folders of each class. */
async function listClasses(dir: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const folders = new Map<string, string[]>();
  for (const { name, path } of await listFolders(dir)) {
    const normal = name.normalize("NFC");
    const others = folders.get(normal);
    if (others) others.push(path);
    else folders.set(normal, [path]);
  }
  if (folders.size > 0) return folders;
  const text = `${dir} has no sub-folders: put each class's images in a folder of the class's name`;
  throw new McLossError("ERR_DATASET", text, { path: dir });
}

/** The folders in a folder, and what links there lead to, in code point order. */
export async function listFolders(dir: string): Promise<{ name: string; path: string }[]> {
  const folders: { name: string; path: string }[] = [];
  for (const entry of await listVisible(dir)) {
    if (entry.kind === "folder" || (entry.kind === "link" && (await isDirectory(entry.path))))
      folders.push(entry);
  }
  return folders.sort((a, b) => byCodePoint(a.name, b.name));
}

/** Of what lies beside the class folders. */
async function strayNotes(dir: string, passedOver: PassedOver): Promise<string[]> {
  const strays: string[] = [];
  for (const { name, path, kind } of await listVisible(dir)) {
    if (kind === "folder" || (kind === "link" && (await isDirectory(path)))) continue;
    if (kindOfName(name) === "image") strays.push(path);
    else passedOver.add(name);
  }
  const [first] = strays;
  if (first === undefined) return [];
  return [`${strays.length} images are in no class's folder and are passed over, such as ${first}`];
}

function joinedNotes(folders: ReadonlyMap<string, readonly string[]>): string[] {
  return [...folders]
    .filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => {
      const ways = `${paths.length} folders, whose names are the same letters in other Unicode forms`;
      return `the class "${name}" has the images of ${ways}: ${paths.join(", ")}`;
    });
}
