import { join } from "node:path";
import { parseOptions } from "../../schema.js";
import type { ListDataset } from "../dataset.js";
import { at, parseNumber, quote, readRows, type Row } from "./columns.js";
import type { Layout, ListedSample, Listing, OpenOptions, SplitPart } from "./layout.js";
import { openOptions } from "./options.js";
import { innermost, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * Oxford-IIIT Pet (Parkhi et al., CVPR 2012): 37 breeds, 3,680 images to train and validate and 3,669 to test.
 * @param dir the folder with images/ and annotations/ (trainval.txt, test.txt), or the one that has it as oxford-iiit-pet
 * @throws McLossError ERR_DATASET naming the file and line
 */
export async function oxfordPet(dir: string, options: OpenOptions = {}): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, OXFORD_PET, parseOptions(openOptions, options));
}

export const OXFORD_PET: Layout = {
  kind: "oxford-pet",
  title: "Oxford-IIIT Pet",
  folder: "oxford-iiit-pet",
  markers: [["annotations/trainval.txt", "annotations/test.txt"]],
  signs: [
    ["annotations/trainval.txt"],
    ["annotations/trimaps", "images"],
    ["annotations/list.txt", "images"],
  ],
  published: () => ({ classes: 37, parts: { train: 3680, test: 3669 } }),
  list,
};

const LISTS: readonly (readonly [file: string, split: SplitPart])[] = [
  ["trainval.txt", "train"],
  ["test.txt", "test"],
];
const COLUMNS = "image class-id species breed-id";
const MOST_CLASSES = 10_000;

async function list(root: string, report: Report): Promise<Listing> {
  const images = await innermost(join(root, "images"));
  const names = new Map<number, string>();
  const found: (Omit<ListedSample, "label"> & { number: number })[] = [];
  const seen = new Map<string, string>();
  for (const [name, split] of LISTS) {
    const file = join(root, "annotations", name);
    const convert = ({ key, rest, line }: Row): (typeof found)[number] | AnnotationProblem => {
      const path = joinInside(images, `${key}.jpg`);
      if (path === undefined) return at(file, line, `${quote(key)} leads out of the images folder`);
      const [code = ""] = rest.split(/\s+/);
      const number = parseNumber(code, MOST_CLASSES);
      const [, breed] = /^(.+)_\d+$/.exec(key) ?? [];
      if (number === undefined || breed === undefined) return at(file, line, `must be "${COLUMNS}"`);
      const earlier = seen.get(key);
      if (earlier !== undefined) return at(file, line, `image ${key} is in ${earlier} too: remove one`);
      seen.set(key, name);
      const known = names.get(number) ?? breed;
      if (known !== breed)
        return at(file, line, `class ${number} is ${quote(known)}, and this image of ${quote(breed)}`);
      names.set(number, breed);
      return { path, split, number };
    };
    // The list of both parts has a head of comments, and copies of these may, too.
    const rows = [...(await readRows(file, report, COLUMNS)).values()].filter(
      ({ key }) => !key.startsWith("#"),
    );
    for (const sample of keepSamples(rows, convert, report)) found.push(sample);
  }
  const numbers = [...names.keys()].sort((a, b) => a - b);
  const labels = new Map(numbers.map((number, label) => [number, label]));
  return {
    classes: numbers.map((number) => titleOf(names.get(number) ?? "")),
    samples: found.map(({ number, ...sample }) => ({ ...sample, label: labels.get(number) ?? 0 })),
  };
}

/** As torchvision's: "american_bulldog" is "American Bulldog". */
function titleOf(breed: string): string {
  const words = breed.split("_").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase());
  return words.join(" ");
}
