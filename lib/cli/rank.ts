import type { RankEnvironment } from "../distributed/environment.js";
import { initProcessGroup } from "../distributed/init-process-group.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import { chooseRankDevice } from "../distributed/rank-device.js";
import { nameRanks } from "../distributed/conversation.js";
import { onParentGone } from "../distributed/rank-process.js";
import type { Device } from "../native/dtype.js";
import { interruptSignal } from "./interrupt.js";
import { beQuiet, printLine } from "./progress.js";

/** What one process works with. */
export interface Place {
  device: Device | "auto";
  /** Absent where it is alone. */
  group?: ProcessGroup;
  signal: AbortSignal;
}

interface PlaceOptions {
  device: Device | "auto";
  /** Default 600. */
  timeoutSeconds?: number;
}

/** A launcher and a terminal may both send a signal that was meant once. */
const SIGNAL_ONCE_MS = 1000;
/** How long a process whose supervisor is gone may take for its checkpoint. */
const ORPHAN_MS = 10_000;
const INTERRUPTED = 130;

/**
 * Joins the processes that whatever started this one says that there are, for a piece of work. When it fails, the others
 * are told why before this process lets go of them.
 */
export async function asRank(
  environment: RankEnvironment,
  { device, timeoutSeconds }: PlaceOptions,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  const { rank, worldSize, localRank } = environment;
  const isLaunched = environment.launcher === "mcloss";
  if (worldSize === 1 && !isLaunched) return work({ device, signal: interruptSignal() });
  if (rank > 0) beQuiet();
  const signal = interruptSignal({ onceMs: SIGNAL_ONCE_MS, quiet: rank > 0 });
  onParentGone(endOrphan);
  if (worldSize === 1) return work({ device, signal });
  const own = chooseRankDevice(device, localRank);
  const group = await initProcessGroup({
    backend: own === "cpu" ? "gloo" : "nccl",
    timeoutSeconds,
    signal,
    onWaiting: (ranks, hint) => {
      tellWaiting(ranks, hint, environment);
    },
  });
  try {
    await work({ device: own, group, signal });
  } catch (error) {
    throw await group.fail(error);
  } finally {
    await group.destroy();
  }
}

/** As if it were interrupted, with a checkpoint; but nobody waits for it any more. */
function endOrphan(): void {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(INTERRUPTED), ORPHAN_MS).unref();
}

function tellWaiting(ranks: readonly number[], hint: string, { launcher, worldSize }: RankEnvironment): void {
  const start = launcher === "Slurm" ? "; in a batch script, srun starts them" : "";
  printLine(`waiting for ${nameRanks(ranks)} of ${worldSize}${start}${hint}`);
}
