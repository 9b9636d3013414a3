import type { Listing } from "../sets/layout.js";
import type { Report } from "../sets/problems.js";
import { listShards, type ShardKind } from "./find-shards.js";
import type { ShardOptions } from "./shard-options.js";

/** What the shards of a place hold. */
export async function openShards(
  place: string,
  kind: ShardKind,
  report: Report,
  options: ShardOptions & { classes?: readonly string[] | undefined },
): Promise<Listing> {
  const names = await listShards(place, kind);
  if (kind === "parquet") {
    const { listParquet } = await import("./parquet.js");
    return listParquet(names, report, options);
  }
  const { listWebDataset } = await import("./webdataset.js");
  return listWebDataset(names, report, options);
}
