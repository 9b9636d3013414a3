import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Problem } from "./problem.js";

// A released block goes back to the system at once, so that what is resident is what is in use.
const EXACT_MEMORY = { MALLOC_MMAP_THRESHOLD_: "65536", MALLOC_TRIM_THRESHOLD_: "0" };

export interface PythonRun {
  compile: boolean;
  backward: boolean;
}

/** bench/op.py in a process of its own. */
export class Python {
  readonly torch: string;
  readonly gpu: string | null;
  readonly #child;
  readonly #lines;

  private constructor(child: PythonProcess["child"], lines: PythonProcess["lines"], hello: Hello) {
    this.#child = child;
    this.#lines = lines;
    this.torch = hello.torch;
    this.gpu = hello.gpu;
  }

  /** Undefined where there is no such Python, or no PyTorch in it; its own words are on stderr. */
  static async start(command: string, env: NodeJS.ProcessEnv = {}): Promise<Python | undefined> {
    const { child, lines } = spawnPython(command, env);
    const hello = await lines.next();
    return hello.done ? undefined : new Python(child, lines, JSON.parse(hello.value) as Hello);
  }

  async run(problem: Problem, run: PythonRun): Promise<{ ms: number; loss: number }> {
    return (await this.#ask(problem, { ...run, peak: false })) as { ms: number; loss: number };
  }

  async #ask(problem: Problem, options: object): Promise<unknown> {
    const { groups, ...rest } = problem;
    const blocks = groups.blocks.map(({ classes, channels }) => [classes, channels]);
    this.#child.stdin.write(`${JSON.stringify({ problem: { ...rest, blocks }, ...options })}\n`);
    const line = await this.#lines.next();
    const answer = (line.done ? { error: "Python ended" } : JSON.parse(line.value)) as { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  /** The most bytes that one forward and backward had beyond the features, in a fresh process. */
  static async findPeak(command: string, problem: Problem, compile: boolean): Promise<number | undefined> {
    const python = await Python.start(command, EXACT_MEMORY);
    if (!python) return undefined;
    try {
      const answer = await python.#ask(problem, { compile, backward: true, peak: true });
      return (answer as { bytes: number }).bytes;
    } finally {
      python.stop();
    }
  }

  stop(): void {
    this.#child.stdin.end();
  }
}

interface Hello {
  torch: string;
  gpu: string | null;
}

type PythonProcess = ReturnType<typeof spawnPython>;

function spawnPython(command: string, env: NodeJS.ProcessEnv) {
  const script = fileURLToPath(new URL("../op.py", import.meta.url));
  const child = spawn(command, [script], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  // A Python that is missing or ends is seen by the end of its output.
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines };
}
