import { PythonProcess } from "../python-process.js";
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
  readonly #process: PythonProcess;

  private constructor(process: PythonProcess) {
    const { torch, gpu } = process.hello as { torch: string; gpu: string | null };
    this.torch = torch;
    this.gpu = gpu;
    this.#process = process;
  }

  /** Undefined where there is no such Python, or no PyTorch in it. */
  static async start(command: string, env: NodeJS.ProcessEnv = {}): Promise<Python | undefined> {
    const process = await PythonProcess.start(command, "op.py", env);
    return process && new Python(process);
  }

  run(problem: Problem, run: PythonRun): Promise<{ ms: number; loss: number }> {
    return this.#ask(problem, { ...run, peak: false });
  }

  #ask<Answer>(problem: Problem, options: object): Promise<Answer> {
    const { groups, ...rest } = problem;
    const blocks = groups.blocks.map(({ classes, channels }) => [classes, channels]);
    return this.#process.ask({ problem: { ...rest, blocks }, ...options });
  }

  /** The most bytes that one forward and backward had beyond the features, in a fresh process. */
  static async findPeak(command: string, problem: Problem, compile: boolean): Promise<number | undefined> {
    const python = await Python.start(command, EXACT_MEMORY);
    if (!python) return undefined;
    try {
      const { bytes } = await python.#ask<{ bytes: number }>(problem, {
        compile,
        backward: true,
        peak: true,
      });
      return bytes;
    } finally {
      python.stop();
    }
  }

  stop(): void {
    this.#process.stop();
  }
}
