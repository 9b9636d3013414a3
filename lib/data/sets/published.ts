import { join } from "node:path";
import { McLossError } from "../../errors.js";
import type { ListDataset } from "../dataset.js";
import type { Layout, ListedSample, OpenOptions, ReadDataset } from "./layout.js";
import { exists } from "./paths.js";
import { throwProblem, type Report } from "./problems.js";
import { openSplit } from "./splits.js";

/** The folder with the set in it: `dir` itself, or the published folder within it. */
export async function findRoot<Options>(dir: string, layout: Layout<Options>): Promise<string | undefined> {
  for (const root of [dir, join(dir, layout.folder)]) {
    for (const files of layout.markers) {
      const found = await Promise.all(files.map((file) => exists(join(root, file))));
      if (found.every(Boolean)) return root;
    }
  }
  return undefined;
}

/** Finds a published set in `dir` and reads its annotations. */
export async function readPublished<Options>(
  dir: string,
  layout: Layout<Options>,
  report: Report,
  options: Options,
): Promise<ReadDataset> {
  const root = await findRoot(dir, layout);
  const { kind, title, markers } = layout;
  if (root === undefined) {
    const files = markers.map((list) => list.join(" and ")).join(", or ");
    const text = `${dir} does not hold ${title}: give the folder that has ${files}`;
    throw new McLossError("ERR_DATASET", text, { path: dir });
  }
  return {
    kind,
    title,
    root,
    published: layout.published(options),
    ...(await layout.list(root, report, options)),
  };
}

/** Reads a published set and takes a split. */
export async function openPublished<Options>(
  dir: string,
  layout: Layout<Options>,
  options: Options & OpenOptions,
): Promise<ListDataset<ListedSample>> {
  return openSplit(await readPublished(dir, layout, throwProblem, options), options);
}
