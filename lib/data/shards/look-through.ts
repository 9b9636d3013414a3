import { mapAhead } from "../../prefetch.js";
import { silentReporter, type Reporter } from "../../reporter.js";

/** Shards that are looked through at once: servers answer one after the other. */
const AT_ONCE = 4;

/**
 * What `look` finds in each shard, in their order.
 * @param what is being done, as the reporter says it
 */
export async function lookThrough<Shard>(
  names: readonly string[],
  what: string,
  look: (name: string) => Promise<Shard>,
  reporter: Reporter = silentReporter,
): Promise<Shard[]> {
  const shards: Shard[] = [];
  reporter.start(what, names.length);
  try {
    for await (const shard of mapAhead(names, AT_ONCE - 1, look)) {
      shards.push(shard);
      reporter.update(shards.length);
    }
  } finally {
    reporter.stop();
  }
  return shards;
}
