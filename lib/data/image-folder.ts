import { checkPlace } from "../check-argument.js";
import { parseOptions } from "../schema.js";
import { classFolderOptions } from "./sets/options.js";
import { readClassFolders, type ClassFolderOptions } from "./class-folders.js";
import { ListDataset, type Sample } from "./dataset.js";
import { PassedOver } from "./passed-over.js";

/** Options of {@link ImageFolder.open}. */
export type ImageFolderOptions = ClassFolderOptions;

/**
 * A folder with one sub-folder of images per class, at any depth (torchvision.datasets.ImageFolder), found as
 * {@link listImages} does. Classes and files are in code point order, on every machine and as in Python; a class's name
 * is in Unicode's form NFC.
 */
export class ImageFolder extends ListDataset {
  private constructor(classes: readonly string[], samples: readonly Sample[], notes: readonly string[]) {
    super(classes, samples, notes);
  }

  /**
   * Lists the images of `dir`; nothing is decoded yet. What is passed over is told in `notes`.
   * @throws McLossError ERR_DATASET when the folder is missing, has no classes, or a class has no image
   */
  static async open(dir: string, given: ImageFolderOptions = {}): Promise<ImageFolder> {
    const options = parseOptions(classFolderOptions, given);
    checkPlace("dir", dir);
    const passedOver = new PassedOver();
    const { classes, samples, notes } = await readClassFolders(dir, passedOver, options);
    return new ImageFolder(classes, samples, [...notes, ...passedOver.notes()]);
  }
}
