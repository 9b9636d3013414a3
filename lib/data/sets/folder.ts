import { join } from "node:path";
import { ImageFolder } from "../image-folder.js";
import type { ListedSample, Listing, SplitPart } from "./layout.js";
import { exists } from "./paths.js";

const PARTS: readonly [SplitPart, readonly string[]][] = [
  ["train", ["train"]],
  ["val", ["val", "validation"]],
  ["test", ["test"]],
];

/** A folder of images by class; where it has a folder train, the folders val (or validation) and test are its parts. */
export async function listFolder(
  dir: string,
  options: { classes?: readonly string[] } = {},
): Promise<Listing> {
  if (!(await exists(join(dir, "train")))) return ImageFolder.open(dir, options);
  let classes = options.classes;
  const samples: ListedSample[] = [];
  for (const [split, names] of PARTS) {
    const path = await firstThere(names.map((name) => join(dir, name)));
    if (path === undefined) continue;
    const part = await ImageFolder.open(path, classes ? { classes } : {});
    // What is to be learnt is in train/.
    classes ??= part.classes;
    for (const sample of part.samples) samples.push({ ...sample, split });
  }
  return { classes: classes ?? [], samples };
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
