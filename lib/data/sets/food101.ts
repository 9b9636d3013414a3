import { join } from "node:path";
import { parseOptions } from "../../schema.js";
import type { ListDataset } from "../dataset.js";
import { at, quote, readNames } from "./columns.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { openOptions } from "./options.js";
import { exists, innermost, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";
import { readLines, type Line } from "./text-file.js";

/**
 * Food-101 (Bossard et al., ECCV 2014): 101 classes, 75,750 images to train, whose labels are noisy, and 25,250 to test.
 * @param dir the unpacked food-101 folder, or the one it lies in: images/, meta/classes.txt, meta/train.txt, meta/test.txt
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function food101(dir: string, options: OpenOptions = {}): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, FOOD101, parseOptions(openOptions, options));
}

export const FOOD101: Layout = {
  kind: "food101",
  title: "Food-101",
  folder: "food-101",
  markers: [["meta/classes.txt", "meta/train.txt", "meta/test.txt"]],
  signs: [
    ["images", "meta/classes.txt"],
    ["images", "meta/train.txt"],
    ["images", "meta/train.json"],
  ],
  published: () => ({ classes: 101, parts: { train: 75_750, test: 25_250 } }),
  list,
};

const PARTS: readonly SplitPart[] = ["train", "test"];

async function list(root: string, report: Report): Promise<Listing> {
  const file = (name: string) => join(root, "meta", name);
  const folders = await readNames(file("classes.txt"), report);
  const titles = (await exists(file("labels.txt"))) ? await readNames(file("labels.txt"), report) : folders;
  const labels = new Map(folders.map((name, label) => [name, label]));
  const images = await innermost(join(root, "images"));
  const seen = new Map<string, string>();
  const samples: ListedSample[] = [];
  for (const split of PARTS) {
    const name = file(`${split}.txt`);
    const convert = ({ number, text }: Line): ListedSample | AnnotationProblem => {
      const path = joinInside(images, `${text}.jpg`);
      if (path === undefined) return at(name, number, `${quote(text)} leads out of the images folder`);
      const label = labels.get(text.split("/", 1)[0] ?? "");
      if (label === undefined) return at(name, number, `${quote(text)} is of no class of classes.txt`);
      const earlier = seen.get(path);
      if (earlier !== undefined)
        return at(name, number, `has ${quote(text)} again, which ${earlier} has: remove one`);
      seen.set(path, `${split}.txt:${number}`);
      return { path, label, split };
    };
    const lines = (await readLines(name)).filter((line, index) => !isHeader(line, index));
    for (const sample of keepSamples(lines, convert, report)) samples.push(sample);
  }
  // Titles are in the order of the folders, where there is one for each.
  return { classes: titles.length === folders.length ? titles : folders, samples };
}

/** Copies of the lists begin with the name of their only column. */
function isHeader({ text }: Line, index: number): boolean {
  return index === 0 && !text.includes("/");
}
