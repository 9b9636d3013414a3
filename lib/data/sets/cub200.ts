import { join } from "node:path";
import type { Box, ListDataset } from "../dataset.js";
import { checkBox } from "./boxes.js";
import { at, parseDecimals, parseNumber, quote, readRows, type Row } from "./columns.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { exists, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * Caltech-UCSD Birds-200-2011 (Wah et al., technical report CNS-TR-2011-001): 200 classes, 5,994 images to train and
 * 5,794 to test, each with a box.
 * @param dir the unpacked CUB_200_2011 folder, or the one it lies in: images/, images.txt, image_class_labels.txt,
 *   train_test_split.txt, classes.txt and, if it is there, bounding_boxes.txt
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function cub200(dir: string, options: OpenOptions = {}): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, CUB200, options);
}

export const CUB200: Layout = {
  kind: "cub200",
  title: "CUB-200-2011",
  folder: "CUB_200_2011",
  markers: [["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"]],
  published: () => ({ classes: 200, parts: { train: 5994, test: 5794 } }),
  list,
};

async function list(root: string, report: Report): Promise<Listing> {
  const file = (name: string) => join(root, name);
  const classes = await readClasses(file("classes.txt"), report);
  const images = await readRows(file("images.txt"), report, "image-id path");
  const about = async (name: string, columns: string) => {
    const rows = await readRows(file(name), report, columns);
    reportStrangers(file(name), rows, images, report);
    return rows;
  };
  const labels = await about("image_class_labels.txt", "image-id class-id");
  const splits = await about("train_test_split.txt", "image-id 0-or-1");
  const boxes = (await exists(file("bounding_boxes.txt")))
    ? readBoxes(
        file("bounding_boxes.txt"),
        await about("bounding_boxes.txt", "image-id x y width height"),
        report,
      )
    : new Map<string, Box>();

  const convert = ({ key, rest, line }: Row): ListedSample | AnnotationProblem => {
    const path = joinInside(file("images"), rest);
    if (path === undefined)
      return at(file("images.txt"), line, `${quote(rest)} leads out of the images folder`);
    const label = labels.get(key);
    if (!label) return at(file("images.txt"), line, `image ${key} is not in image_class_labels.txt`);
    const split = splits.get(key);
    if (!split) return at(file("images.txt"), line, `image ${key} is not in train_test_split.txt`);
    const number = parseNumber(label.rest, classes.length);
    if (number === undefined) {
      const problem = `the class must be from 1 to ${classes.length}, got ${quote(label.rest)}`;
      return at(file("image_class_labels.txt"), label.line, problem);
    }
    const part = SPLIT_CODES.get(split.rest);
    if (!part) {
      const problem = `must be 1 (train) or 0 (test), got ${quote(split.rest)}`;
      return at(file("train_test_split.txt"), split.line, problem);
    }
    const box = boxes.get(key);
    return { path, label: number - 1, split: part, ...(box ? { box } : {}) };
  };
  return { classes, samples: keepSamples(images.values(), convert, report) };
}

const SPLIT_CODES = new Map<string, SplitPart>([
  ["1", "train"],
  ["0", "test"],
]);

/** The names in the order of their numbers, which are 1 to K. */
async function readClasses(file: string, report: Report): Promise<string[]> {
  const rows = [...(await readRows(file, report, "class-id name")).values()];
  const names: (string | undefined)[] = [];
  for (const { key, rest, line } of rows) {
    const number = parseNumber(key, rows.length);
    if (number === undefined) {
      report(at(file, line, `the class must be from 1 to ${rows.length}, got ${quote(key)}`));
    } else names[number - 1] = rest;
  }
  return Array.from(names, (name, index) => name ?? String(index + 1));
}

function readBoxes(file: string, rows: ReadonlyMap<string, Row>, report: Report): Map<string, Box> {
  const boxes = new Map<string, Box>();
  for (const { key, rest, line } of rows.values()) {
    const [x, y, width, height] = parseDecimals(rest, 4) ?? [];
    const box = checkBox({ x, y, width, height });
    if (box) boxes.set(key, box);
    else report(at(file, line, `must be x y width height in pixels, got ${quote(rest)}`));
  }
  return boxes;
}

function reportStrangers(
  file: string,
  rows: ReadonlyMap<string, Row>,
  images: ReadonlyMap<string, Row>,
  report: Report,
): void {
  for (const { key, line } of rows.values()) {
    if (images.has(key)) continue;
    report(at(file, line, `is about image ${quote(key)}, which images.txt does not have`));
  }
}
