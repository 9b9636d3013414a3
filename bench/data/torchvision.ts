import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Epoch, Task } from "./task.js";

const SCRIPT = fileURLToPath(new URL("torchvision_loader.py", import.meta.url));

/** A Python process that loads with torchvision, one epoch a request. */
export class Torchvision {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    process: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    readonly versions: Record<string, string>,
  ) {
    this.#process = process;
    this.#lines = lines;
  }

  /** Undefined where `python` has no torchvision. */
  static async start(python: string): Promise<Torchvision | undefined> {
    const started = spawn(python, [SCRIPT], { stdio: ["pipe", "pipe", "pipe"] });
    started.on("error", () => undefined);
    started.stderr.resume();
    const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) return undefined;
    return new Torchvision(started, lines, JSON.parse(first.value) as Record<string, string>);
  }

  async run({ folder, passes, resize, crop, batchSize }: Task, workers: number): Promise<Epoch> {
    const request = { folder, passes, resize, crop, workers, batch: batchSize };
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error("torchvision's process ended");
    return JSON.parse(line.value) as Epoch;
  }

  stop(): void {
    this.#process.stdin.end();
  }
}
