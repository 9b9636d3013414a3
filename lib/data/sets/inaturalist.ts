import { join } from "node:path";
import { z } from "zod";
import { McLossError } from "../../errors.js";
import { parseOptions } from "../../schema.js";
import type { ListDataset } from "../dataset.js";
import { quote } from "./columns.js";
import { readJsonLists } from "./json-lists.js";
import type { Layout, ListedSample, Listing, OpenOptions, PublishedCounts, SplitPart } from "./layout.js";
import { openOptions } from "./options.js";
import { exists, joinInside } from "./paths.js";
import { keepSamples, type AnnotationProblem, type Report } from "./problems.js";
import { openPublished } from "./published.js";

/**
 * iNaturalist (Van Horn et al., CVPR 2018), as its JSON files list it: those of the competitions of 2017, 2018 and 2019
 * (train2019.json, val2019.json) and of 2021 (train.json or train_mini.json, val.json). The labels of the test images are not
 * published: the val part is what results are reported on.
 * @param dir the folder with the JSON files and the folders of images that these name
 * @throws McLossError ERR_DATASET naming the file and entry
 */
export async function inaturalist(
  dir: string,
  options: OpenOptions = {},
): Promise<ListDataset<ListedSample>> {
  return openPublished(dir, INATURALIST, parseOptions(openOptions, options));
}

interface Version {
  train: string;
  val: string;
  published: PublishedCounts;
}

function version(train: string, val: string, classes: number, parts: PublishedCounts["parts"]): Version {
  return { train, val, published: { classes, parts } };
}

/** The first whose files are there is taken. */
const VERSIONS: readonly Version[] = [
  version("train2017.json", "val2017.json", 5089, { train: 579_184, val: 95_986 }),
  version("train2018.json", "val2018.json", 8142, { train: 437_513, val: 24_426 }),
  version("train2019.json", "val2019.json", 1010, { train: 265_213, val: 3030 }),
  version("train.json", "val.json", 10_000, { train: 2_686_843, val: 100_000 }),
  version("train_mini.json", "val.json", 10_000, { train: 500_000, val: 100_000 }),
];

export const INATURALIST: Layout = {
  kind: "inaturalist",
  title: "iNaturalist",
  folder: "inaturalist",
  markers: VERSIONS.map(({ train, val }) => [train, val]),
  // The names of the files of 2021 are anyone's.
  signs: VERSIONS.slice(0, 3).flatMap(({ train, val }) => [[train], [val]]),
  list,
};

const id = z.union([z.number(), z.string()]);
type Id = z.infer<typeof id>;
/** In the form of COCO's. What else an entry has is not looked at. */
const imageSchema = z.object({ id, file_name: z.string() });
const annotationSchema = z.object({ image_id: id, category_id: id });
const categorySchema = z.object({ id, name: z.string() });

/** What a file lists. */
interface Annotations {
  images: z.infer<typeof imageSchema>[];
  /** The category of each image, by the keys of their ids. */
  categoryOf: Map<string, Id>;
  categories: z.infer<typeof categorySchema>[];
}

/** Numbers may be given as text. */
function keyOf(value: Id): string {
  return String(value);
}

async function list(root: string, report: Report): Promise<Listing> {
  const found = await findVersion(root);
  const files = { train: join(root, found.train), val: join(root, found.val) };
  const train = await readAnnotations(files.train);
  const val = await readAnnotations(files.val);
  const classes = readClasses(train);
  const labels = new Map(classes.map(({ key }, label) => [key, label]));
  const samples: ListedSample[] = [];
  const seen = new Map<string, string>();
  const add = (split: SplitPart, file: string, annotations: Annotations) => {
    for (const sample of convertAll(root, { file, split, annotations }, labels, seen, report))
      samples.push(sample);
  };
  add("train", files.train, train);
  add("val", files.val, val);
  const why = "the labels of the test images are not published";
  return {
    classes: classes.map(({ name }) => name),
    samples,
    published: found.published,
    absent: { test: why },
  };
}

async function findVersion(root: string): Promise<Version> {
  for (const one of VERSIONS) {
    if ((await exists(join(root, one.train))) && (await exists(join(root, one.val)))) return one;
  }
  throw new McLossError("ERR_DATASET", `${root} has no lists of iNaturalist`, { path: root });
}

async function readAnnotations(path: string): Promise<Annotations> {
  const found: Annotations = { images: [], categoryOf: new Map(), categories: [] };
  await readJsonLists(path, {
    images: (entry) => found.images.push(checked(imageSchema, entry)),
    annotations: (entry) => {
      const { image_id: image, category_id: category } = checked(annotationSchema, entry);
      found.categoryOf.set(keyOf(image), category);
    },
    categories: (entry) => found.categories.push(checked(categorySchema, entry)),
  });
  return found;
}

/** @throws Error that begins with the key that is wrong */
function checked<T>(schema: z.ZodType<T>, entry: unknown): T {
  const { data, error } = schema.safeParse(entry);
  if (!error) return data;
  const [issue] = error.issues;
  throw new Error(`${issue?.path.join(".")}: ${issue?.message}`);
}

/** In the order of their ids; names that several have are told apart by these. */
function readClasses({ categories }: Annotations): { key: string; name: string }[] {
  const counts = new Map<string, number>();
  for (const { name } of categories) counts.set(name, (counts.get(name) ?? 0) + 1);
  const sorted = [...categories].sort((a, b) => Number(a.id) - Number(b.id));
  return sorted.map(({ id: own, name }) => ({
    key: keyOf(own),
    name: (counts.get(name) ?? 0) > 1 ? `${name} (${own})` : name,
  }));
}

interface Part {
  file: string;
  split: SplitPart;
  annotations: Annotations;
}

function convertAll(
  root: string,
  { file, split, annotations }: Part,
  labels: ReadonlyMap<string, number>,
  seen: Map<string, string>,
  report: Report,
): ListedSample[] {
  const convert = (image: Annotations["images"][number]): ListedSample | AnnotationProblem => {
    const problem = (text: string) => ({ file, problem: `image ${image.id} ${text}` });
    const path = joinInside(root, image.file_name);
    if (path === undefined) return problem(`(${quote(image.file_name)}) leads out of the folder`);
    const earlier = seen.get(path);
    if (earlier !== undefined) return problem(`is ${quote(image.file_name)}, which is in ${earlier} too`);
    seen.set(path, file);
    const category = annotations.categoryOf.get(keyOf(image.id));
    if (category === undefined) return problem("has no annotation");
    const label = labels.get(keyOf(category));
    if (label === undefined)
      return problem(`is of the category ${category}, which is not in the training list`);
    return { path, label, split };
  };
  return keepSamples(annotations.images, convert, report);
}
