import { createHash } from "node:crypto";
import { dirname, relative } from "node:path";
import { findGitRevision, type GitRevision } from "../io/git-revision.js";
import type { ListDataset } from "./dataset.js";
import { findManifest } from "./open-dataset.js";

/** Which images a data set had at a time. */
export interface DataVersion {
  count: number;
  /** SHA-256 of the list: a line for each image, with its class's name and its path from the data set's folder. */
  sha256: string;
  /** Of the manifest, where there is one and git keeps it. */
  manifest?: GitRevision;
}

/** The version of `set`, which was opened from `dir`. */
export async function findDataVersion(dir: string, set: ListDataset): Promise<DataVersion> {
  const file = await findManifest(dir);
  const manifest = file === undefined ? undefined : await findGitRevision(file);
  return {
    count: set.length,
    sha256: hashList(file === undefined ? dir : dirname(file), set),
    ...(manifest ? { manifest } : {}),
  };
}

function hashList(root: string, { classes, samples }: ListDataset): string {
  const hash = createHash("sha256");
  for (const { path, label } of samples) hash.update(`${classes[label]}\t${relative(root, path)}\n`);
  return hash.digest("hex");
}
