import { createHash } from "node:crypto";
import { dirname, relative } from "node:path";
import { findGitRevision, type GitRevision } from "../io/git-revision.js";
import { hashContents } from "./content-hash.js";
import type { ListDataset } from "./dataset.js";
import type { ReadDataset } from "./sets/layout.js";

/** Which images a data set had at a time. */
export interface DataVersion {
  count: number;
  /** SHA-256 of the list: a line for each image, with its class's name and its path from the data set's folder. */
  sha256: string;
  /** A SHA-256 that other bytes in one of the images change. */
  contents: string;
  /** Of the manifest, where there is one and git keeps it. */
  manifest?: GitRevision;
}

/** Where a data set was read from. */
export type DataSource = Pick<ReadDataset, "kind" | "root" | "inOrder">;

/** The folder that paths count from, and the revision of the manifest in it. */
export interface DataOrigin {
  folder: string;
  manifest?: GitRevision;
}

export async function findOrigin({ kind, root }: DataSource): Promise<DataOrigin> {
  if (kind !== "manifest") return { folder: root };
  const manifest = await findGitRevision(root);
  return { folder: dirname(root), ...(manifest ? { manifest } : {}) };
}

export async function dataVersion(
  { folder, manifest }: DataOrigin,
  set: ListDataset,
  signal?: AbortSignal,
): Promise<DataVersion> {
  const contents = await hashSamples(set, signal);
  return { count: set.length, sha256: hashList(folder, set), contents, ...(manifest ? { manifest } : {}) };
}

/** Of shards it is known what is in them. */
function hashSamples({ samples }: ListDataset, signal: AbortSignal | undefined): Promise<string> {
  if (!samples.some(({ shard }) => shard))
    return hashContents(
      samples.map(({ path }) => path),
      signal,
    );
  const hash = createHash("sha256");
  for (const { shard } of samples) hash.update(`${shard?.content ?? ""}\n`);
  return Promise.resolve(hash.digest("hex"));
}

/** See {@link DataVersion}. */
export function hashList(root: string, { classes, samples }: ListDataset): string {
  const hash = createHash("sha256");
  for (const { path, label } of samples) hash.update(`${classes[label]}\t${relative(root, path)}\n`);
  return hash.digest("hex");
}
