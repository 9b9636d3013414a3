import type { RemoteOptions } from "../../io/remote-file.js";
import type { Reporter } from "../../reporter.js";

/** What shards are opened with, beside what every set is. */
export interface ShardOptions {
  /** Told how far a first look at shards is, which reads all of them. Default: nobody is. */
  reporter?: Reporter | undefined;
  signal?: AbortSignal | undefined;
  /** How servers are asked. */
  remote?: RemoteOptions | undefined;
}
