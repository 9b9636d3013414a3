import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Attempt } from "./attempt.js";
import { nameRanks } from "./conversation.js";
import type { EndedRank } from "./rank-child.js";
import { onSignals, type Signals } from "./signals.js";

/** Options of {@link launch}. */
export interface LaunchOptions {
  /** How many processes. */
  processes: number;
  /** A program of Node and its arguments, the same for all. */
  command: readonly string[];
  env?: Readonly<NodeJS.ProcessEnv>;
  /** How many times all are started anew after one of them failed. Default 0. */
  maxRestarts?: number;
  /** How long the others may take to end, before they are killed. Default 10. */
  graceSeconds?: number;
  /** Called with what is to be told, a line each. */
  tell: (line: string) => void;
  /** Called with each line that a rank but the first writes; the first writes where this process does. */
  onLine: (rank: number, line: string) => void;
}

/** Exit codes of a rank that say that starting it anew would be no use: wrong usage, and interrupted. */
const [USAGE, INTERRUPTED] = [2, 130];

/**
 * Starts a program several times on this machine, each with RANK, WORLD_SIZE and LOCAL_RANK, and sees it to its end. It is
 * none of them: nothing that they wait for, or that breaks them, is in its way. They find one another through a file.
 * @returns the exit code: 0, or that of the first that failed, 130 if they were interrupted
 */
export async function launch(options: LaunchOptions): Promise<number> {
  const { maxRestarts = 0, tell } = options;
  const folder = await mkdtemp(join(tmpdir(), "mcloss-"));
  using signals = onSignals();
  try {
    for (let restarts = 0; ; restarts += 1) {
      const failed = await attempt(options, { folder, restarts, signals });
      const code = exitCode(failed, signals);
      if (failed && !signals.received) tell(describeFailure(failed));
      const isFinal = code === 0 || code === USAGE || code === INTERRUPTED;
      if (isFinal || restarts >= maxRestarts) return code;
      tell(`starting all ${options.processes} processes anew (${restarts + 1} of ${maxRestarts})`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Start {
  folder: string;
  restarts: number;
  signals: Signals;
}

async function attempt(
  { env = process.env, ...options }: LaunchOptions,
  { folder, restarts, signals }: Start,
): Promise<EndedRank | undefined> {
  const shared = { ...env, ...shareOfCores(options.processes, env) };
  const store = join(folder, `store-${restarts}`);
  const all = new Attempt({ ...options, store, restarts, env: shared });
  const handling = signals.handle((signal, again) => {
    if (again) all.kill();
    else all.signal(signal);
  });
  try {
    return await all.ended();
  } finally {
    handling[Symbol.dispose]();
  }
}

function exitCode(failed: EndedRank | undefined, signals: Signals): number {
  if (failed?.code === INTERRUPTED || signals.received) return INTERRUPTED;
  if (!failed) return 0;
  return failed.code === USAGE ? USAGE : 1;
}

function describeFailure({ rank, code, signal }: EndedRank): string {
  const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
  const first = `${nameRanks([rank])} failed first: it ${how}`;
  return signal === "SIGKILL" ? `${first}, as by the system where memory is short` : first;
}

/** Threads of computation and of decoding, of which each process would take those of the whole machine. */
function shareOfCores(processes: number, env: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  const cores = Math.max(1, Math.floor(availableParallelism() / processes));
  const { OMP_NUM_THREADS = `${cores}`, UV_THREADPOOL_SIZE = `${Math.max(2, Math.min(4, 2 * cores))}` } = env;
  return { OMP_NUM_THREADS, UV_THREADPOOL_SIZE };
}
