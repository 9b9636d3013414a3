import { join } from "node:path";
import { parseOptions } from "../../schema.js";
import type { ListDataset } from "../dataset.js";
import { quote } from "./columns.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { readMatFile } from "./mat-file.js";
import { textCells, variable } from "./mat-values.js";
import { openOptions } from "./options.js";
import { innermost, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * Stanford Dogs (Khosla et al., FGVC 2011): 120 breeds, 12,000 images to train and 8,580 to test.
 * @param dir the folder with Images/, train_list.mat and test_list.mat, or the one that has it as stanford_dogs
 * @throws McLossError ERR_DATASET naming the file and entry
 */
export async function stanfordDogs(
  dir: string,
  options: OpenOptions = {},
): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, STANFORD_DOGS, parseOptions(openOptions, options));
}

export const STANFORD_DOGS: Layout = {
  kind: "stanford-dogs",
  title: "Stanford Dogs",
  folder: "stanford_dogs",
  markers: [["train_list.mat", "test_list.mat"]],
  signs: [["train_list.mat"], ["test_list.mat"], ["file_list.mat"]],
  published: () => ({ classes: 120, parts: { train: 12_000, test: 8580 } }),
  list,
};

const PARTS: readonly SplitPart[] = ["train", "test"];

async function list(root: string, report: Report): Promise<Listing> {
  const images = await innermost(join(root, "Images"));
  const folders = new Map<number, string>();
  const found: (Omit<ListedSample, "label"> & { number: number })[] = [];
  const seen = new Map<string, string>();
  for (const split of PARTS) {
    const file = join(root, `${split}_list.mat`);
    const variables = await readMatFile(file);
    const names = textCells(file, variables, "file_list");
    const numbers = variable(file, variables, "labels", "numbers").data;
    const convert = ([index, name]: [number, string]): (typeof found)[number] | AnnotationProblem => {
      const entry = `file_list(${index + 1})`;
      const path = joinInside(images, name);
      if (path === undefined) return { file, problem: `${entry} leads out of the images folder` };
      const number = numbers[index] ?? 0;
      if (!Number.isInteger(number) || number < 1) {
        return { file, problem: `labels(${index + 1}) must be a class from 1, got ${number}` };
      }
      const earlier = seen.get(path);
      if (earlier !== undefined)
        return { file, problem: `${entry} is ${quote(name)}, which ${earlier} is too` };
      seen.set(path, `${split}_list.mat: ${entry}`);
      const [folder = ""] = name.split("/", 1);
      const known = folders.get(number) ?? folder;
      if (known !== folder)
        return { file, problem: `${entry} is in ${quote(folder)}, and its class in ${quote(known)}` };
      folders.set(number, folder);
      return { path, split, number };
    };
    for (const sample of keepSamples([...names.entries()], convert, report)) found.push(sample);
  }
  const numbers = [...folders.keys()].sort((a, b) => a - b);
  const labels = new Map(numbers.map((number, label) => [number, label]));
  return {
    classes: numbers.map((number) => breedOf(folders.get(number) ?? "")),
    samples: found.map(({ number, ...sample }) => ({ ...sample, label: labels.get(number) ?? 0 })),
  };
}

/** "n02085620-Chihuahua" is "Chihuahua". */
function breedOf(folder: string): string {
  return folder.replace(/^n\d+-/, "");
}
