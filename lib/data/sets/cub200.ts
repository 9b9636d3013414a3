import { parseOptions } from "../../schema.js";
import { openOptions } from "./options.js";
import { join } from "node:path";
import type { ListDataset } from "../dataset.js";
import { at, parseNumber, quote, readRows } from "./columns.js";
import { readIdLists, type ListedClasses } from "./id-lists.js";
import type { Layout, ListedSample, OpenOptions } from "./layout.js";
import type { Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * Caltech-UCSD Birds-200-2011 (Wah et al., technical report CNS-TR-2011-001): 200 classes, 5,994 images to train and
 * 5,794 to test, each with a box.
 * @param dir the unpacked CUB_200_2011 folder, or the one it lies in: images/, images.txt, image_class_labels.txt,
 *   train_test_split.txt, classes.txt and, if it is there, bounding_boxes.txt
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function cub200(dir: string, options: OpenOptions = {}): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, CUB200, parseOptions(openOptions, options));
}

export const CUB200: Layout = {
  kind: "cub200",
  title: "CUB-200-2011",
  folder: "CUB_200_2011",
  markers: [["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"]],
  // NABirds has the same lists.
  foreign: ["hierarchy.txt"],
  signs: [
    ["images", "image_class_labels.txt"],
    ["images", "train_test_split.txt"],
    ["images", "images.txt", "classes.txt"],
    ["images", "bounding_boxes.txt"],
  ],
  published: () => ({ classes: 200, parts: { train: 5994, test: 5794 } }),
  list: (root, report, options) => readIdLists(root, () => readClasses(root, report), report, options),
};

/** The names in the order of their numbers, which are 1 to K. */
async function readClasses(root: string, report: Report): Promise<ListedClasses> {
  const file = join(root, "classes.txt");
  const rows = [...(await readRows(file, report, "class-id name")).values()];
  const found: (string | undefined)[] = [];
  for (const { key, rest, line } of rows) {
    const number = parseNumber(key, rows.length);
    if (number === undefined) {
      report(at(file, line, `the class must be from 1 to ${rows.length}, got ${quote(key)}`));
    } else found[number - 1] = rest;
  }
  const names = Array.from(found, (name, index) => name ?? String(index + 1));
  const labelOf = (code: string) => {
    const number = parseNumber(code, names.length);
    return number === undefined ? undefined : number - 1;
  };
  return { names, labelOf, codes: `from 1 to ${names.length}` };
}
