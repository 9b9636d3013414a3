import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { freemem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { cacheFolder } from "../addon/paths.js";
import { shareOf } from "../cores.js";
import { encodedImageOf, trimOf, type Dataset, type Sample } from "../data/dataset.js";
import { keptFormOf } from "../image/kept-form.js";
import type { Pipeline } from "../image/pipeline.js";
import { planSample } from "../image/plan.js";
import { randomAt } from "../image/random.js";
import { USUAL_DISK_BYTES, type DiskCacheOptions } from "./disk-cache.js";

/** Where images are kept from epoch to epoch, decoded: "ram", the process's memory, or "disk", a folder that outlives it. */
export type CacheKind = "ram" | "disk";

export const CACHE_KINDS: readonly CacheKind[] = ["ram", "disk"];

/** What keeping a data set's images takes; see {@link DataLoader.cacheCost}. */
export interface CacheCost {
  where: CacheKind;
  images: number;
  /** Of all images, as some of them tell. */
  bytes: number;
  /** Of the images that may be kept, at most. */
  room: number;
}

/** How a loader keeps images. */
export interface CacheSettings {
  /** In memory, at most. */
  cacheBytes: number;
  diskCache: DiskCacheOptions | undefined;
  /** Whether images are kept of which every epoch has other pixels. */
  keepsDecoded: boolean;
}

const USUAL_MEMORY = 512 * 2 ** 20;
/** Of the memory that is free when a loader is made. */
const SHARE = 0.5;
/** So many images tell what all take. */
const LOOKED_AT = 200;

export function cacheSettings(
  kind: CacheKind | undefined,
  { cacheBytes, diskCache }: { cacheBytes?: number | undefined; diskCache?: DiskCacheOptions | undefined },
): CacheSettings {
  const keepsDecoded = kind !== undefined;
  if (kind === "disk") {
    const folder = diskCache ?? { dir: join(cacheFolder(), "images") };
    return { cacheBytes: cacheBytes ?? USUAL_MEMORY, diskCache: folder, keepsDecoded };
  }
  const usual = kind === "ram" ? Math.floor(SHARE * shareOf(availableMemory())) : USUAL_MEMORY;
  return { cacheBytes: cacheBytes ?? usual, diskCache, keepsDecoded };
}

/** What keeping the images of `dataset` takes: the headers of some are read. Those that cannot be read count as none. */
export async function findCacheCost(
  dataset: Dataset,
  pipeline: Pipeline,
  where: CacheKind,
  { cacheBytes, diskCache }: CacheSettings,
): Promise<CacheCost> {
  const step = Math.max(1, Math.floor(dataset.length / LOOKED_AT));
  const looked = Array.from({ length: Math.ceil(dataset.length / step) }, (_, i) => i * step);
  const sizes = await Promise.all(looked.map((index) => keptBytes(dataset.sample(index), index, pipeline)));
  const mean = sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
  const room = where === "disk" && diskCache ? await diskRoom(diskCache) : cacheBytes;
  return { where, images: dataset.length, bytes: Math.ceil(mean * dataset.length), room };
}

async function keptBytes(sample: Sample, index: number, pipeline: Pipeline): Promise<number> {
  if (pipeline.fixed) return pipeline.decodedBytes;
  const image = encodedImageOf(sample, pipeline.limits);
  try {
    const plan = await planSample(pipeline, randomAt(index), image, trimOf(sample));
    const { size } = keptFormOf(pipeline, plan.decode, await image.header());
    return size.height * size.width * 3;
  } catch {
    return 0;
  }
}

async function diskRoom({ dir, bytes = USUAL_DISK_BYTES }: DiskCacheOptions): Promise<number> {
  let folder = resolve(dir);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  return Math.min(bytes, bavail * bsize);
}

function availableMemory(): number {
  // Node 20.13 and later; the system's own, or the container's.
  const available = (process as { availableMemory?: () => number }).availableMemory;
  return available ? available.call(process) : freemem();
}

/** In one line, for people. */
export function describeCacheCost({ where, images, bytes, room }: CacheCost): string {
  const place = where === "ram" ? "in memory" : "on the disk";
  const takes = `keeping ${images} decoded images ${place} takes about ${inGibibytes(bytes)}`;
  if (bytes <= room) return `${takes}, of ${inGibibytes(room)} that there is room for`;
  const advice = where === "ram" ? ": --cache disk has more room" : "";
  const share = Math.floor((100 * room) / bytes);
  return `${takes}, but there is room for ${inGibibytes(room)}: ${100 - share} % are decoded again in every epoch${advice}`;
}

function inGibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 10 * 2 ** 30 ? 2 : 0)} GiB`;
}
