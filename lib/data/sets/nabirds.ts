import { parseOptions } from "../../schema.js";
import { openOptions } from "./options.js";
import { join } from "node:path";
import type { ListDataset } from "../dataset.js";
import { readRows, type Row } from "./columns.js";
import { readIdLists, type ListedClasses } from "./id-lists.js";
import type { Layout, ListedSample, OpenOptions } from "./layout.js";
import type { Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * NABirds (Van Horn et al., CVPR 2015): 555 classes, 23,929 images to train and 24,633 to test, each with a box. Of the
 * hierarchy in classes.txt the classes are those that images have, in the order of their numbers.
 * @param dir the unpacked nabirds folder, or the one it lies in: images/, images.txt, image_class_labels.txt,
 *   train_test_split.txt, classes.txt, hierarchy.txt and, if it is there, bounding_boxes.txt
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function nabirds(dir: string, options: OpenOptions = {}): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, NABIRDS, parseOptions(openOptions, options));
}

export const NABIRDS: Layout = {
  kind: "nabirds",
  title: "NABirds",
  folder: "nabirds",
  markers: [["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt", "hierarchy.txt"]],
  signs: [["hierarchy.txt", "images"]],
  published: () => ({ classes: 555, parts: { train: 23929, test: 24633 } }),
  list: (root, report, options) =>
    readIdLists(root, (labels) => readClasses(root, labels, report), report, options),
};

async function readClasses(root: string, labels: Iterable<Row>, report: Report): Promise<ListedClasses> {
  const rows = await readRows(join(root, "classes.txt"), report, "class-id name");
  const used = new Set(Array.from(labels, ({ rest }) => rest));
  const listed = [...rows.values()].filter(({ key }) => used.has(key));
  listed.sort((a, b) => Number(a.key) - Number(b.key));
  const numbers = new Map(listed.map(({ key }, label) => [key, label]));
  return {
    names: listed.map(({ rest }) => rest),
    labelOf: (code) => numbers.get(code),
    codes: "a number of classes.txt",
  };
}
