import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./local-server.js";
import { MCLOSS } from "./mcloss.js";

/** A process of `mcloss`, what it has written so far, and how it ends. */
export class Ranked {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  readonly ended: Promise<EndedRank>;
  readonly #began = performance.now();
  #onText: (() => void)[] = [];

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      this.stdout += chunk;
    });
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.stderr += chunk;
      for (const look of this.#onText) look();
    });
    this.ended = once(child, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.stdout,
      stderr: this.stderr,
      at: performance.now(),
    }));
  }

  /** Waits until its stderr has something. */
  async saw(pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(this.stderr)) resolve();
      };
      this.#onText.push(look);
      look();
      void this.ended.then(() => {
        reject(new Error(`ended without ${String(pattern)}:\n${this.stderr}`));
      });
    });
  }

  /** Milliseconds since it was started. */
  get age(): number {
    return performance.now() - this.#began;
  }

  kill(signal: NodeJS.Signals): number {
    this.child.kill(signal);
    return performance.now();
  }
}

export interface EndedRank {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** When, as of performance.now(). */
  at: number;
}

/** Starts a program of Node with more in its environment. */
export function startNode(cwd: string, env: NodeJS.ProcessEnv, args: readonly string[]): Ranked {
  return new Ranked(
    spawn(process.execPath, [...args], {
      cwd,
      env: { ...withoutRank(process.env), OMP_NUM_THREADS: "1", ...env },
    }),
  );
}

/** `mcloss`, as any launcher starts it. */
export function startRank(cwd: string, env: NodeJS.ProcessEnv, args: readonly string[]): Ranked {
  return startNode(cwd, env, [MCLOSS, ...args]);
}

/** All ranks of a run, which meet at a port of this machine. */
export async function startRanks(
  cwd: string,
  count: number,
  args: readonly string[],
  env: (rank: number) => NodeJS.ProcessEnv = () => ({}),
): Promise<Ranked[]> {
  const port = await freePort();
  return Array.from({ length: count }, (_, rank) =>
    startRank(cwd, { ...rankEnv(rank, count, port), ...env(rank) }, args),
  );
}

/**
 * Ranks that wait for one another for a few seconds at most and train; where that is too short for them to find one
 * another, as on a busy machine, for longer.
 */
export async function startImpatient(
  start: (timeout: readonly string[]) => Promise<Ranked[]>,
): Promise<{ ranks: Ranked[]; seconds: number }> {
  for (let seconds = 2; ; seconds *= 3) {
    const ranks = await start(["--distributed-timeout", `${seconds}`]);
    const isTraining = await ranks[0]!.saw(/epoch 1\//).then(
      () => true,
      () => false,
    );
    if (isTraining) return { ranks, seconds };
    const ends = await Promise.all(ranks.map(({ ended }) => ended));
    const late = /did not come|was not reached|was lost/;
    if (!ends.every(({ stderr }) => late.test(stderr)))
      throw new Error(ends.map(({ stderr }) => stderr).join("\n"));
  }
}

export function rankEnv(
  rank: number,
  worldSize: number,
  port: number,
  host = "127.0.0.1",
): NodeJS.ProcessEnv {
  return {
    RANK: `${rank}`,
    WORLD_SIZE: `${worldSize}`,
    LOCAL_RANK: `${rank}`,
    MASTER_ADDR: host,
    MASTER_PORT: `${port}`,
  };
}

/** The processes that another started, and those that they started. */
export function descendants(pid: number): number[] {
  const parents = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const parent = parentOf(Number(name));
    return parent === undefined ? [] : [[Number(name), parent] as const];
  });
  const of = (parent: number): number[] =>
    parents.flatMap(([child, its]) => (its === parent ? [child, ...of(child)] : []));
  return of(pid);
}

function parentOf(pid: number): number | undefined {
  try {
    // "pid (name) state parent": the name may have anything in it.
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Of a process that is one. */
export function rankOf(pid: number): number {
  const [, rank] = /(?:^|\0)RANK=(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8")) ?? [];
  return Number(rank);
}

/** Waits until none of the processes is there; the test's timeout is the limit. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(20);
}

export function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** What a launcher of the tests themselves may have set. */
export function withoutRank(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = Object.keys(env).filter((name) =>
    /^(RANK|WORLD_SIZE|LOCAL_|MASTER_|TORCHELASTIC_|SLURM_|GLOO_|NODE_OPTIONS)/.test(name),
  );
  return { ...env, ...Object.fromEntries(names.map((name) => [name, undefined])) };
}
