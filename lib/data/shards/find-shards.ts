import { stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { McLossError } from "../../errors.js";
import { systemPath } from "../../io/file-name.js";
import { listFolders } from "../class-folders.js";
import { byCodePoint } from "../code-points.js";
import { listVisible } from "../list-images.js";
import { expandPlaces, isAddress } from "./places.js";

/** Kinds of sets that lie in shards. */
export type ShardKind = "webdataset" | "parquet";

const EXTENSIONS: Readonly<Record<string, ShardKind>> = { ".tar": "webdataset", ".parquet": "parquet" };

/** The shards of a place, in their order. */
export interface Shards {
  kind: ShardKind;
  names: readonly string[];
}

/**
 * The shards that a place stands for: an address or a file that ends in .tar or .parquet, several by braces, or a folder that
 * holds shards (Hugging Face: in its `data/`) and nothing that looks like classes. Undefined for any other place.
 * @throws McLossError ERR_DATASET for addresses and braces that are none
 */
export async function findShards(place: string): Promise<Shards | undefined> {
  if (await isFolder(place)) return findInFolder(place);
  const names = await expandPlaces(place);
  const foreign = names.find((name) => /^[a-z0-9]+:\/\//i.test(name) && !isAddress(name));
  if (foreign !== undefined) {
    const text = `${foreign} cannot be read: of addresses, those of http and https are; most stores give one for a file`;
    throw new McLossError("ERR_DATASET", text, { path: foreign });
  }
  const kinds = new Set(names.map(kindOf));
  const [kind] = kinds;
  if (kind !== undefined && kinds.size === 1) return { kind, names };
  if (names.length === 1 && !isAddress(place)) return undefined;
  const text = `${place} are no shards: all must end in .tar (WebDataset), or all in .parquet`;
  throw new McLossError("ERR_DATASET", text, { path: place });
}

/** The shards in a folder, also where it has others in it, or in the folders in it. */
export async function listShards(place: string, kind: ShardKind): Promise<readonly string[]> {
  if (!(await isFolder(place))) return (await findShards(place))?.names ?? [place];
  const names = await listWithin(place, kind);
  if (names.length > 0) return names;
  const extension = kind === "parquet" ? ".parquet" : ".tar";
  throw new McLossError("ERR_DATASET", `${place} has no ${extension} files`, { path: place });
}

async function findInFolder(dir: string): Promise<Shards | undefined> {
  const [only, ...others] = await listFolders(dir);
  if (others.length > 0) return undefined;
  // The only folder in it may be one of a class.
  if (only && (only.name !== "data" || (await listFolders(only.path)).length > 0)) return undefined;
  const entries = await listVisible(only?.path ?? dir);
  const names = entries.map(({ path }) => path).sort(byCodePoint);
  for (const kind of Object.values(EXTENSIONS)) {
    const own = names.filter((name) => kindOf(name) === kind);
    if (own.length > 0) return { kind, names: own };
  }
  return undefined;
}

async function listWithin(dir: string, kind: ShardKind): Promise<string[]> {
  const own = (await listVisible(dir)).map(({ path }) => path).filter((name) => kindOf(name) === kind);
  const inner = await Promise.all((await listFolders(dir)).map(({ path }) => listWithin(path, kind)));
  return [...own, ...inner.flat()].sort(byCodePoint);
}

function kindOf(name: string): ShardKind | undefined {
  return EXTENSIONS[extname(isAddress(name) ? new URL(name).pathname : name).toLowerCase()];
}

async function isFolder(place: string): Promise<boolean> {
  if (isAddress(place)) return false;
  const status = await stat(systemPath(place)).catch(() => undefined);
  return status?.isDirectory() ?? false;
}

/** A file of a folder or server beside a shard. */
export function besideShard(name: string, file: string): string {
  return isAddress(name) ? new URL(file, name).href : join(name, "..", file);
}
