import { parseOptions } from "../../schema.js";
import { openOptions } from "./options.js";
import { join } from "node:path";
import type { ListDataset } from "../dataset.js";
import { FLOWER_NAMES } from "./flower-names.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { readMatFile } from "./mat-file.js";
import { variable } from "./mat-values.js";
import { innermost } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * Oxford Flowers-102 (Nilsback and Zisserman, ICVGIP 2008): 102 classes, 1,020 images to train, 1,020 to validate and
 * 6,149 to test. The default split "trainval", 2,040 images, is what the MC-Loss paper trains on.
 * @param dir the folder with jpg/, imagelabels.mat and setid.mat, or the one that has it as flowers-102
 * @throws McLossError ERR_DATASET naming the file and entry
 */
export async function flowers102(dir: string, options: OpenOptions = {}): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, FLOWERS102, parseOptions(openOptions, options));
}

export const FLOWERS102: Layout = {
  kind: "flowers102",
  title: "Flowers-102",
  folder: "flowers-102",
  markers: [["imagelabels.mat", "setid.mat"]],
  signs: [["imagelabels.mat"], ["setid.mat"]],
  published: () => ({ classes: 102, parts: { train: 1020, val: 1020, test: 6149 } }),
  list,
};

const SETS: readonly [string, SplitPart][] = [
  ["trnid", "train"],
  ["valid", "val"],
  ["tstid", "test"],
];

async function list(root: string, report: Report): Promise<Listing> {
  const images = await innermost(join(root, "jpg"));
  const labelFile = join(root, "imagelabels.mat");
  const labels = variable(labelFile, await readMatFile(labelFile), "labels", "numbers").data;
  const file = join(root, "setid.mat");
  const sets = await readMatFile(file);
  const seen = new Map<number, string>();
  const samples: ListedSample[] = [];
  for (const [name, split] of SETS) {
    const convert = ([index, id]: [number, number]): ListedSample | AnnotationProblem => {
      const entry = `${name}(${index + 1})`;
      const label = labels[id - 1];
      if (label === undefined) {
        return { file, problem: `${entry} must be an image from 1 to ${labels.length}, got ${id}` };
      }
      const earlier = seen.get(id);
      if (earlier !== undefined) return { file, problem: `${entry} is image ${id}, which ${earlier} is too` };
      seen.set(id, entry);
      if (!Number.isInteger(label) || label < 1 || label > FLOWER_NAMES.length) {
        const problem = `labels(${id}) must be from 1 to ${FLOWER_NAMES.length}, got ${label}`;
        return { file: labelFile, problem };
      }
      const path = join(images, `image_${String(id).padStart(5, "0")}.jpg`);
      return { path, label: label - 1, split };
    };
    const ids = variable(file, sets, name, "numbers").data;
    for (const sample of keepSamples(ids.entries(), convert, report)) samples.push(sample);
  }
  return { classes: FLOWER_NAMES, samples };
}
