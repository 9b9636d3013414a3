import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { McLossError } from "../errors.js";
import { isDirectory } from "../io/is-directory.js";
import { byCodePoint } from "./code-points.js";
import { ListDataset, type Sample } from "./dataset.js";
import { IMAGE_EXTENSIONS } from "./image-formats.js";
import { isHidden, listImages } from "./list-images.js";

/** Options of {@link ImageFolder.open}. */
export interface ImageFolderOptions {
  /** The classes, in the order of their labels, where a model decides them. Default: the sub-folders' names, sorted. */
  classes?: readonly string[];
}

/**
 * A folder with one sub-folder of images per class, at any depth (torchvision.datasets.ImageFolder). Names that begin
 * with a dot are passed over. Classes and files are in code point order, on every machine and as in Python.
 */
export class ImageFolder extends ListDataset {
  private constructor(classes: readonly string[], samples: readonly Sample[]) {
    super(classes, samples);
  }

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
      for (const path of await imagesOf(join(dir, name))) samples.push({ path, label });
    }
    return new ImageFolder(classes, samples);
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

async function imagesOf(dir: string): Promise<string[]> {
  const images = await listImages(dir);
  if (images.length > 0) return images;
  throw datasetError(
    dir,
    `the class folder ${dir} has no image (${IMAGE_EXTENSIONS.join(" ")}): add some, or remove it`,
  );
}

function datasetError(path: string, message: string): McLossError {
  return new McLossError("ERR_DATASET", message, { path });
}
