import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A script of this folder that says hello on its first line, then answers each line of JSON with one. */
export class PythonProcess {
  readonly hello: unknown;
  readonly #child;
  readonly #lines;

  private constructor({ child, lines }: ReturnType<typeof spawnPython>, hello: unknown) {
    this.hello = hello;
    this.#child = child;
    this.#lines = lines;
  }

  /** Undefined where there is no such Python, or no PyTorch in it; its own words are on stderr. */
  static async start(
    command: string,
    script: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<PythonProcess | undefined> {
    const spawned = spawnPython(command, script, env);
    const hello = await spawned.lines.next();
    return hello.done ? undefined : new PythonProcess(spawned, JSON.parse(hello.value));
  }

  /** Throws what the script answers as `error`. */
  async ask<Answer>(request: object): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#lines.next();
    const answer = (line.done ? { error: "Python ended" } : JSON.parse(line.value)) as { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer as Answer;
  }

  /** Stops it where it is, until resume(). */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  stop(): void {
    this.resume();
    this.#child.stdin.end();
  }
}

function spawnPython(command: string, script: string, env: NodeJS.ProcessEnv) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(command, [path], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  // What is stopped does not see that its parent has ended.
  process.once("exit", () => child.kill("SIGKILL"));
  // A Python that is missing or ends is seen by the end of its output.
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines };
}
