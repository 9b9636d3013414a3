import { spawn, type ChildProcess, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { freePort } from "../../test/support/local-server.js";
import type { RankProblem } from "./problem.js";

/** Which program trains: ours, or a Python. */
export type Side = { name: "ours" } | { name: "Python"; command: string };

/** Network namespaces, one for each process, and the address of the first. */
export interface Wire {
  namespaces: readonly string[];
  address: string;
}

const WIRE_PORTS = { ours: 29_500, Python: 29_501 };

const RANK = fileURLToPath(new URL("rank.ts", import.meta.url));
const DDP = fileURLToPath(new URL("ddp.py", import.meta.url));

interface Rank {
  child: ChildProcessByStdio<Writable, Readable, null>;
  lines: AsyncIterator<string>;
}

/** Of a step. */
export interface StepTime {
  /** Of the slowest process, in ms. */
  ms: number;
  /** What a process computed in that time, in ms, on all its threads: the mean. */
  cpu: number;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill();
});

/** Processes that make a step at the same time when they are told to. */
export class Ranks {
  readonly #ranks: readonly Rank[];
  /** Of the network. */
  readonly parameters: number;

  private constructor(ranks: readonly Rank[], parameters: number) {
    this.#ranks = ranks;
    this.parameters = parameters;
  }

  static async start(side: Side, count: number, problem: RankProblem, wire?: Wire): Promise<Ranks> {
    // Within the namespaces nothing else has a port, but the two sides are there at the same time.
    const port = wire ? WIRE_PORTS[side.name] : await freePort();
    const ranks = Array.from({ length: count }, (_, rank) => {
      const env = {
        ...process.env,
        OMP_NUM_THREADS: "1",
        RANK: `${rank}`,
        LOCAL_RANK: `${rank}`,
        WORLD_SIZE: `${count}`,
        MASTER_ADDR: wire?.address ?? "127.0.0.1",
        MASTER_PORT: `${port}`,
        ...(wire && { GLOO_SOCKET_IFNAME: "wire" }),
      };
      const program =
        side.name === "ours" ? [process.execPath, "--import", "tsx", RANK] : [side.command, DDP];
      const prefix = wire ? ["ip", "netns", "exec", wire.namespaces[rank] ?? ""] : [];
      const [file, ...args] = [...prefix, ...program, JSON.stringify(problem)];
      const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "inherit"] });
      running.add(child);
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    });
    const hellos = await Promise.all(ranks.map(({ lines }) => next<{ parameters: number }>(lines)));
    return new Ranks(ranks, hellos[0]?.parameters ?? 0);
  }

  async step(): Promise<StepTime> {
    for (const { child } of this.#ranks) child.stdin.write("step\n");
    const times = await Promise.all(this.#ranks.map(({ lines }) => next<StepTime>(lines)));
    return {
      ms: times.reduce((most, { ms }) => Math.max(most, ms), 0),
      cpu: times.reduce((sum, { cpu }) => sum + cpu, 0) / times.length,
    };
  }

  stop(): void {
    for (const { child } of this.#ranks) child.stdin.end();
  }
}

async function next<T>(lines: AsyncIterator<string>): Promise<T> {
  const line = await lines.next();
  if (line.done) throw new Error("a process of the benchmark ended");
  return JSON.parse(line.value) as T;
}
