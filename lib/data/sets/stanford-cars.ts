import { parseOptions } from "../../schema.js";
import { openOptions } from "./options.js";
import { join } from "node:path";
import type { ListDataset } from "../dataset.js";
import { boxOfCorners } from "../boxes.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { readMatFile, type MatArray } from "./mat-file.js";
import { line, scalar, scalarNumber, structField, textCells, variable } from "./mat-values.js";
import { exists, innermost, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * Stanford Cars (Krause et al., 3dRR-13): 196 classes, 8,144 images to train and 8,041 to test, each with a box. Either
 * of the two published layouts:
 * - devkit/cars_meta.mat and cars_train_annos.mat, cars_test_annos_withlabels.mat beside devkit/ or in it, the images
 *   in cars_train/ and cars_test/; without the labels of the test part there is only the other;
 * - cars_annos.mat, the images in car_ims/.
 * @param dir the folder they are in, or the one that has it as stanford_cars
 * @throws McLossError ERR_DATASET naming the file and entry
 */
export async function stanfordCars(
  dir: string,
  options: OpenOptions = {},
): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, STANFORD_CARS, parseOptions(openOptions, options));
}

export const STANFORD_CARS: Layout = {
  kind: "stanford-cars",
  title: "Stanford Cars",
  folder: "stanford_cars",
  markers: [["devkit/cars_meta.mat", "devkit/cars_train_annos.mat"], ["cars_annos.mat"]],
  signs: [
    ["cars_train", "cars_test"],
    ["devkit/cars_train_annos.mat"],
    ["devkit/cars_meta.mat"],
    ["cars_test_annos_withlabels.mat"],
  ],
  published: () => ({ classes: 196, parts: { train: 8144, test: 8041 } }),
  list: async (root, report) =>
    (await exists(join(root, "cars_annos.mat"))) ? listWhole(root, report) : listDevkit(root, report),
};

const CORNERS = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"] as const;

const TEST_LABELS = "cars_test_annos_withlabels.mat";

/** Two struct arrays, one a part; that of the test part is published apart from the devkit. */
async function listDevkit(root: string, report: Report): Promise<Listing> {
  const meta = join(root, "devkit", "cars_meta.mat");
  const classes = textCells(meta, await readMatFile(meta), "class_names");
  const samples: ListedSample[] = [];
  const add = async (split: SplitPart, file: string, folder: string) => {
    const annotations = variable(file, await readMatFile(file), "annotations", "struct");
    const rows = readRows(file, annotations, "fname", () => split);
    const images = await innermost(join(root, folder));
    for (const sample of convertRows(file, rows, { classes, folder: images }, report)) samples.push(sample);
  };
  await add("train", join(root, "devkit", "cars_train_annos.mat"), "cars_train");
  for (const file of [join(root, TEST_LABELS), join(root, "devkit", TEST_LABELS)]) {
    if (!(await exists(file))) continue;
    await add("test", file, "cars_test");
    return { classes, samples };
  }
  const why = `the test part has no labels, as ${TEST_LABELS} is not in ${root}`;
  return { classes, samples, absent: { test: why }, notes: [why] };
}

/** One struct array, where a field tells the parts apart. */
async function listWhole(root: string, report: Report): Promise<Listing> {
  const file = join(root, "cars_annos.mat");
  const variables = await readMatFile(file);
  const classes = textCells(file, variables, "class_names");
  const annotations = variable(file, variables, "annotations", "struct");
  const codes = structField(file, annotations, "test").map(scalar);
  const rows = readRows(file, annotations, "relative_im_path", (i) =>
    codes[i] === 0 ? "train" : codes[i] === 1 ? "test" : undefined,
  );
  return { classes, samples: convertRows(file, rows, { classes, folder: root }, report) };
}

interface CarRow {
  /** From 1, as MATLAB counts. */
  entry: number;
  name: string | undefined;
  class: MatArray | undefined;
  corners: (number | undefined)[];
  split: SplitPart | undefined;
}

function readRows(
  file: string,
  annotations: Extract<MatArray, { type: "struct" }>,
  nameField: string,
  splitOf: (index: number) => SplitPart | undefined,
): CarRow[] {
  const classes = structField(file, annotations, "class");
  const corners = CORNERS.map((name) => structField(file, annotations, name));
  return structField(file, annotations, nameField).map((name, i) => ({
    entry: i + 1,
    name: line(name),
    class: classes[i],
    corners: corners.map((values) => scalar(values[i])),
    split: splitOf(i),
  }));
}

function convertRows(
  file: string,
  rows: readonly CarRow[],
  { classes, folder }: { classes: readonly string[]; folder: string },
  report: Report,
): ListedSample[] {
  const seen = new Map<string, number>();
  const convert = (row: CarRow): ListedSample | AnnotationProblem => {
    const problem = (text: string) => ({ file, problem: `annotations(${row.entry}) ${text}` });
    const path = row.name === undefined ? undefined : joinInside(folder, row.name);
    if (path === undefined) return problem("has no name of a file in the images folder");
    const earlier = seen.get(path);
    if (earlier !== undefined) return problem(`has ${row.name} again, which annotations(${earlier}) has`);
    seen.set(path, row.entry);
    const number = scalarNumber(row.class, classes.length);
    if (number === undefined) return problem(`has no class from 1 to ${classes.length}`);
    if (!row.split) return problem("has a test field that is neither 0 nor 1");
    const box = boxOfCorners(row.corners);
    if (!box) return problem("has no box: bbox_x1 to bbox_y2 must be pixels, the lesser ones first");
    return { path, label: number - 1, split: row.split, box };
  };
  return keepSamples(rows, convert, report);
}
