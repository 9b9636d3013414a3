import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What `rank-main.ts` is told. */
export interface RankOrder {
  /** The URL of a module, and the name of its function: `(group, argument) => Promise<result>`. */
  module: string;
  name: string;
  argument: unknown;
  rank: number;
  worldSize: number;
  file: string;
  timeoutSeconds: number;
}

/** What it answers. */
export type RankAnswer = { result: unknown } | { error: { code?: string; message: string } };

interface RankOptions {
  timeoutSeconds?: number;
  env?: NodeJS.ProcessEnv;
  /** Called with each process. */
  onStart?: (child: ChildProcess, rank: number) => void;
}

/** Calls a function of a module in as many processes, which are a process group. Gives what each returned, or threw. */
export async function answersOfRanks(
  worldSize: number,
  module: string,
  name: string,
  argument: unknown = null,
  { timeoutSeconds = 60, env = {}, onStart }: RankOptions = {},
): Promise<RankAnswer[]> {
  const folder = await mkdtemp(join(tmpdir(), "mcloss-ranks-"));
  const main = fileURLToPath(new URL(`rank-main${extname(import.meta.url)}`, import.meta.url));
  try {
    const answers = Array.from({ length: worldSize }, async (_, rank) => {
      const child = fork(main, {
        serialization: "advanced",
        env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
      });
      onStart?.(child, rank);
      let answer: RankAnswer = { error: { message: "ended without an answer" } };
      child.on("message", (message) => (answer = message as RankAnswer));
      const file = join(folder, "store");
      child.send({ module, name, argument, rank, worldSize, file, timeoutSeconds } satisfies RankOrder);
      await once(child, "exit");
      return answer;
    });
    return await Promise.all(answers);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As {@link answersOfRanks}, where none may throw. */
export async function runRanks<T>(...args: Parameters<typeof answersOfRanks>): Promise<T[]> {
  const answers = await answersOfRanks(...args);
  return answers.map((answer, rank) => {
    if ("error" in answer) throw new Error(`rank ${rank}: ${answer.error.message}`);
    return answer.result as T;
  });
}
