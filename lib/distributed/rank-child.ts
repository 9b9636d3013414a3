import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { isRecord } from "../plain-data.js";

/** How a rank's process ended. */
export interface EndedRank {
  rank: number;
  code: number | null;
  signal: NodeJS.Signals | null;
  /** What it said that it failed with. */
  message?: string;
}

interface RankChildOptions {
  rank: number;
  command: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Called with its lines, as far as they do not go to the terminal at once. */
  onLine: (line: string) => void;
}

/** One rank's process, as the one that started it sees it. */
export class RankChild {
  readonly rank: number;
  /** Once all that it wrote was read. */
  readonly ended: Promise<EndedRank>;
  readonly #process: ChildProcess;
  #message: string | undefined;

  constructor({ rank, command, env, onLine }: RankChildOptions) {
    this.rank = rank;
    this.#process = spawn(process.execPath, command, {
      env,
      // Of a group of its own: Ctrl-C comes from here alone, once.
      detached: true,
      // Through the channel it sees when this process is gone.
      stdio: rank === 0 ? ["ignore", "inherit", "inherit", "ipc"] : ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#process.on("message", (said: unknown) => {
      if (isRecord(said) && typeof said["failure"] === "string") this.#message = said["failure"];
    });
    const { stdout, stderr } = this.#process;
    const streams = [stdout, stderr].filter((stream) => stream !== null);
    const lines = Promise.all(streams.map((stream) => forEachLine(stream, onLine)));
    this.ended = this.#end(lines);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async #end(lines: Promise<unknown>): Promise<EndedRank> {
    const { rank } = this;
    const failed = once(this.#process, "error").then(([error]) => error as Error);
    const exited = once(this.#process, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    const first = await Promise.race([failed, exited]);
    if (first instanceof Error) return { rank, code: 1, signal: null, message: first.message };
    await lines;
    const [code, signal] = first;
    return { rank, code, signal, message: this.#message };
  }
}

async function forEachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) onLine(line);
}
