import { readdir, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { invalidArgument, McLossError } from "../errors.js";
import type { Dataset, Sample } from "./dataset.js";

const EXTENSIONS = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"];

export interface ImageFolderOptions {
  /** The classes, in the order of their labels, where a model decides them. Default: the sub-folders' names, sorted. */
  classes?: readonly string[];
}

/**
 * A folder with one sub-folder of images per class, at any depth (torchvision.datasets.ImageFolder). Names that begin
 * with a dot are passed over. Classes and files are in code point order, on every machine and as in Python.
 */
export class ImageFolder implements Dataset {
  private constructor(
    readonly classes: readonly string[],
    readonly samples: readonly Sample[],
  ) {}

  /**
   * Lists the images of `dir`; nothing is decoded yet.
   * @throws McLossError ERR_DATASET when the folder is missing, has no classes, or a class has no image
   */
  static async open(dir: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    const found = await listClasses(dir);
    const classes = options.classes ?? found;
    const unknown = found.find((name) => !classes.includes(name));
    if (unknown !== undefined) {
      const path = join(dir, unknown);
      throw datasetError(
        path,
        `${path} is a class that the model does not know: remove it, or train with it`,
      );
    }
    const samples: Sample[] = [];
    for (const name of found) {
      const label = classes.indexOf(name);
      samples.push(...(await listImages(join(dir, name))).map((path) => ({ path, label })));
    }
    return new ImageFolder(classes, samples);
  }

  get length(): number {
    return this.samples.length;
  }

  sample(index: number): Sample {
    const sample = this.samples[index];
    if (sample) return sample;
    throw invalidArgument("index", `must be from 0 to ${this.length - 1}, got ${index}`);
  }
}

async function listClasses(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause: unknown) => {
    const text = `cannot read the image folder ${dir}: check the path and its permissions`;
    throw new McLossError("ERR_DATASET", text, { path: dir, cause });
  });
  const names: string[] = [];
  for (const entry of entries) {
    if (isHidden(entry.name)) continue;
    if (entry.isDirectory() || (await isDirectory(join(dir, entry.name)))) names.push(entry.name);
  }
  if (names.length > 0) return names.sort(byCodePoint);
  throw datasetError(
    dir,
    `${dir} has no sub-folders: put each class's images in a folder of the class's name`,
  );
}

async function listImages(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch((cause: unknown) => {
    const text = `cannot read the class folder ${dir}: check its permissions`;
    throw new McLossError("ERR_DATASET", text, { path: dir, cause });
  });
  const images = entries
    .filter((entry) => !entry.isDirectory() && EXTENSIONS.includes(extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(dir, path).split(sep).some(isHidden));
  if (images.length > 0) return images.sort(byCodePoint);
  throw datasetError(
    dir,
    `the class folder ${dir} has no image (${EXTENSIONS.join(" ")}): add some, or remove it`,
  );
}

function isHidden(name: string): boolean {
  return name.startsWith(".");
}

/** The order of UTF-8 bytes is the order of code points; JavaScript's own compares UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function datasetError(path: string, message: string): McLossError {
  return new McLossError("ERR_DATASET", message, { path });
}
