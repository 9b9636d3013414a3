import { join } from "node:path";
import type { Box } from "../dataset.js";
import { checkBox } from "../boxes.js";
import { at, parseDecimals, quote, readRows, type Row } from "./columns.js";
import type { ListedSample, Listing, ListOptions, SplitPart } from "./layout.js";
import { exists, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";

/** The classes of a set, and how its lists write them. */
export interface ListedClasses {
  names: readonly string[];
  /** The label of what image_class_labels.txt has; undefined where that is no class. */
  labelOf(code: string): number | undefined;
  /** What the codes may be, in words. */
  codes: string;
}

/**
 * The lists that CUB-200-2011 and NABirds have: images.txt, image_class_labels.txt, train_test_split.txt and, if it is
 * there, bounding_boxes.txt, in which each line begins with an image's id.
 * @param readClasses makes the classes of the rows of image_class_labels.txt
 */
export async function readIdLists(
  root: string,
  readClasses: (labels: Iterable<Row>) => Promise<ListedClasses>,
  report: Report,
  { allowPartial = false }: ListOptions,
): Promise<Listing> {
  const file = (name: string) => join(root, name);
  const images = await readRows(file("images.txt"), report, "image-id path");
  const notes: string[] = [];
  const about = async (name: string, columns: string) => {
    const rows = await readRows(file(name), report, columns);
    const strangers = [...rows.values()].filter(({ key }) => !images.has(key));
    if (allowPartial && strangers.length > 0) {
      notes.push(
        `${name} has ${strangers.length} images that images.txt does not have: they are passed over`,
      );
    } else for (const row of strangers) report(stranger(file(name), row));
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
  const classes = await readClasses(labels.values());

  const convert = ({ key, rest, line }: Row): ListedSample | AnnotationProblem => {
    const path = joinInside(file("images"), rest);
    if (path === undefined)
      return at(file("images.txt"), line, `${quote(rest)} leads out of the images folder`);
    const code = labels.get(key);
    if (!code) return at(file("images.txt"), line, `image ${key} is not in image_class_labels.txt`);
    const split = splits.get(key);
    if (!split) return at(file("images.txt"), line, `image ${key} is not in train_test_split.txt`);
    const label = classes.labelOf(code.rest);
    if (label === undefined) {
      const problem = `the class must be ${classes.codes}, got ${quote(code.rest)}`;
      return at(file("image_class_labels.txt"), code.line, problem);
    }
    const part = SPLIT_CODES.get(split.rest);
    if (!part) {
      const problem = `must be 1 (train) or 0 (test), got ${quote(split.rest)}`;
      return at(file("train_test_split.txt"), split.line, problem);
    }
    const box = boxes.get(key);
    return { path, label, split: part, ...(box ? { box } : {}) };
  };
  return { classes: classes.names, samples: keepSamples(images.values(), convert, report), notes };
}

const SPLIT_CODES = new Map<string, SplitPart>([
  ["1", "train"],
  ["0", "test"],
]);

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

function stranger(file: string, { key, line }: Row): AnnotationProblem {
  return at(file, line, `is about image ${quote(key)}, which images.txt does not have`);
}
