import { checkPlace } from "../check-argument.js";
import { z } from "zod";
import { optionsOf, parseOptions, type Shape } from "../schema.js";
import { datasetShape } from "./sets/options.js";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { invalidArgument, McLossError } from "../errors.js";
import type { ClassFolderOptions } from "./class-folders.js";
import type { ListDataset } from "./dataset.js";
import { CUB200 } from "./sets/cub200.js";
import { FGVC_AIRCRAFT } from "./sets/fgvc-aircraft.js";
import type { AircraftOptions } from "./sets/options.js";
import { FLOWERS102 } from "./sets/flowers102.js";
import { listFolder } from "./sets/folder.js";
import {
  DATASET_KINDS,
  type DatasetKind,
  type Layout,
  type ListedSample,
  type ListOptions,
  type OpenOptions,
  type ReadDataset,
} from "./sets/layout.js";
import { listManifest, MANIFEST_EXTENSIONS } from "./sets/manifest.js";
import { NABIRDS } from "./sets/nabirds.js";
import { throwProblem, type Report } from "./sets/problems.js";
import { findLack, findRoot, readPublished } from "./sets/published.js";
import { openSplit } from "./sets/splits.js";
import { FOOD101 } from "./sets/food101.js";
import { INATURALIST } from "./sets/inaturalist.js";
import { OXFORD_PET } from "./sets/oxford-pet.js";
import { STANFORD_CARS } from "./sets/stanford-cars.js";
import { STANFORD_DOGS } from "./sets/stanford-dogs.js";
import { findShards } from "./shards/find-shards.js";
import { openShards } from "./shards/open-shards.js";
import type { ShardOptions } from "./shards/shard-options.js";
import { shown } from "../shown.js";

/** Options of {@link openDataset}. */
export interface OpenDatasetOptions extends OpenOptions, AircraftOptions, ClassFolderOptions {
  /** Default: what the files tell; a folder of classes where they tell nothing. */
  kind?: DatasetKind;
}

export const PUBLISHED_LAYOUTS: readonly Layout<AircraftOptions>[] = [
  CUB200,
  NABIRDS,
  STANFORD_CARS,
  FGVC_AIRCRAFT,
  FLOWERS102,
  OXFORD_PET,
  STANFORD_DOGS,
  FOOD101,
  INATURALIST,
];

/** {@link OpenDatasetOptions} */
export const openDatasetShape = {
  ...datasetShape,
  kind: z.enum(DATASET_KINDS).optional(),
} satisfies Shape<OpenDatasetOptions>;
const schema = optionsOf<OpenDatasetOptions>(openDatasetShape);

/**
 * Opens a data set of any kind: a published one (`cub200`, `nabirds`, `stanford-cars`, `fgvc-aircraft`, `flowers102`,
 * `oxford-pet`, `stanford-dogs`, `food101`, `inaturalist`), a folder of images by class ("folder"; its train/, val/, valid/ or
 * validation/, and test/ are splits), a CSV or JSONL file ("manifest": the file, or a folder with manifest.csv or
 * manifest.jsonl), or shards: tars ("webdataset") or Parquet files ("parquet"), by a folder, a file or an http address, where
 * braces stand for several: `set-{000..127}.tar`.
 * @throws McLossError ERR_DATASET naming the file and line, or what a published set lacks
 */
export async function openDataset(
  dir: string,
  given: OpenDatasetOptions = {},
): Promise<ListDataset<ListedSample>> {
  const options = parseOptions(schema, given);
  checkPlace("dir", dir);
  return openSplit(await readDataset(dir, throwProblem, options), options);
}

/** What lies in `dir`: shards, a kind of published set, a manifest, or a folder of images by class. */
export async function detectKind(dir: string): Promise<DatasetKind> {
  const shards = await findShards(dir);
  if (shards) return shards.kind;
  if ((await findManifest(dir)) !== undefined) return "manifest";
  for (const layout of PUBLISHED_LAYOUTS) {
    if ((await findRoot(dir, layout)) !== undefined) return layout.kind;
  }
  return "folder";
}

/** `path` itself where it is no folder, or manifest.csv or manifest.jsonl in it. */
async function findManifest(path: string): Promise<string | undefined> {
  const names = MANIFEST_EXTENSIONS.map((extension) => join(path, `manifest${extension}`));
  for (const file of [path, ...names]) {
    const status = await stat(file).catch(() => undefined);
    if (status && !status.isDirectory()) return file;
  }
  return undefined;
}

/** The annotations of a data set of any kind. */
export async function readDataset(
  dir: string,
  report: Report,
  options: Omit<OpenDatasetOptions, "split"> & ListOptions & ShardOptions = {},
): Promise<ReadDataset> {
  const { classes, reporter, signal } = options;
  const kind = options.kind ?? (await detectKind(dir));
  if (kind === "folder") {
    if (options.kind === undefined) await requireWhole(dir);
    return { kind, title: "folder of images", root: dir, ...(await listFolder(dir, options, report)) };
  }
  if (kind === "manifest") {
    const root = (await findManifest(dir)) ?? dir;
    return {
      kind,
      title: "manifest",
      root,
      ...(await listManifest(root, report, { classes })),
    };
  }
  if (kind === "webdataset" || kind === "parquet") {
    const title = kind === "parquet" ? "Parquet files" : "WebDataset";
    const opening = { classes, reporter, signal, remote: options.remote };
    return { kind, title, root: dir, ...(await openShards(dir, kind, report, opening)) };
  }
  const layout = PUBLISHED_LAYOUTS.find((one) => one.kind === kind);
  if (!layout)
    throw invalidArgument("kind", `must be one of ${DATASET_KINDS.join(", ")}, got ${shown(kind)}`);
  return readPublished(dir, layout, report, options);
}

/** Its folders would be taken for classes. @throws McLossError ERR_DATASET where a published set lacks a file */
async function requireWhole(dir: string): Promise<void> {
  for (const layout of PUBLISHED_LAYOUTS) {
    const lack = await findLack(dir, layout);
    if (lack === undefined) continue;
    const text = `${lack}: unpack it again, or open it as a folder of images by class with { kind: "folder" } (--kind folder)`;
    throw new McLossError("ERR_DATASET", text, { path: dir });
  }
}
