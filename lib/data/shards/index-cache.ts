import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { cacheFolder } from "../../addon/paths.js";
import { makeFolder } from "../../make-folder.js";
import { readWhole } from "../../io/open-file.js";
import { replaceWith } from "../../io/replace-file.js";
import { isAddress } from "./places.js";
import type { ShardFile } from "./shard-file.js";
import { tarIndexSchema, type TarIndex } from "./tar-index.js";

/** Another form of what is kept has another number. */
const FORMAT = 1;

/**
 * What is in a shard, as it was found earlier where the shard is still the same; else what `find` finds, which is kept in the
 * user's cache. A cache that cannot be written to is as good as none.
 */
export async function rememberIndex(file: ShardFile, find: () => Promise<TarIndex>): Promise<TarIndex> {
  const { name, version } = file;
  const place = isAddress(name) ? name : resolve(name);
  const key = createHash("sha256")
    .update(JSON.stringify([FORMAT, place, version]))
    .digest("hex");
  const folder = join(cacheFolder(), "shards");
  const path = join(folder, `${key}.json`);
  const known = await read(path);
  if (known) return known;
  const found = await find();
  await makeFolder(folder)
    .then(() => replaceWith(path, JSON.stringify(found)))
    .catch(() => undefined);
  return found;
}

async function read(path: string): Promise<TarIndex | undefined> {
  try {
    return tarIndexSchema.parse(JSON.parse((await readWhole(path)).toString()));
  } catch {
    return undefined;
  }
}
