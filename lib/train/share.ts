import type { ProcessGroup } from "../distributed/process-group.js";
import { invalidArgument } from "../errors.js";
import { DataLoader } from "../loader/data-loader.js";
import type { LoaderDescription } from "../loader/loader-description.js";

/** Which part of its data set a loader yields: one process's. */
interface Share {
  rank: number;
  world: number;
}

/**
 * @param train or anything that is iterated as a loader, whose part cannot be seen
 * @throws McLossError ERR_ARGUMENT where it does not yield this process's part
 */
export function checkShare(group: ProcessGroup, train: DataLoader): void {
  if (group.worldSize === 1 || !(train instanceof DataLoader)) return;
  if (isShareOf(group, "distributed", train)) return;
  const wanted = `samplers.distributed(${group.rank}, ${group.worldSize})`;
  throw invalidArgument("train", `needs the sampler ${wanted}, so that each process trains on its part`);
}

/**
 * Whether a loader yields this process's part alone of what is evaluated.
 * @throws McLossError ERR_ARGUMENT where it yields another part
 */
export function isSharded(group: ProcessGroup | undefined, loader: DataLoader): boolean {
  if (!group || !(loader instanceof DataLoader) || loader.describe().sampler["type"] !== "shard")
    return false;
  if (isShareOf(group, "shard", loader)) return true;
  const wanted = `samplers.shard(${group.rank}, ${group.worldSize})`;
  throw invalidArgument("loader", `must have the sampler ${wanted}, or one that is not of processes`);
}

function isShareOf({ rank, worldSize }: ProcessGroup, type: string, loader: DataLoader): boolean {
  const sampler = loader.describe().sampler as { type: string } & Partial<Share>;
  return sampler.type === type && sampler.rank === rank && sampler.world === worldSize;
}

/** What describes the loader of all processes together, given one's: that of one process which would do the work of all. */
export function describeWhole(description: LoaderDescription): LoaderDescription {
  const { type, sampler, world } = description.sampler as { type?: string; sampler?: object; world?: number };
  if (type === "shard") return { ...description, sampler: { type: "sequential" } };
  if (type !== "distributed") return description;
  const batchSize = description.batchSize * (world ?? 1);
  return { ...description, batchSize, sampler: sampler as LoaderDescription["sampler"] };
}
