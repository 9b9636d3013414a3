import { spawn } from "node:child_process";

export interface RunResult {
  code: number;
  /** stdout and stderr, as they came. */
  output: string;
  stdout: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** Lets the program write to this process's stderr as well, for its own progress. */
  show?: boolean;
  /** Sees each piece of what it writes. */
  onOutput?: (text: string) => void;
}

/** Runs a program to its end. A program that cannot be started has the code 127. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { show = false, onOutput, ...rest } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...rest, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let stdout = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
      onOutput?.(chunk.toString());
      if (show) process.stderr.write(chunk);
    };
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      collect(chunk);
    });
    child.stderr.on("data", collect);
    child.on("error", (error) => {
      resolve({ code: 127, output: `${output}${error.message}`, stdout });
    });
    child.on("close", (code) => {
      resolve({ code: code ?? 1, output, stdout });
    });
  });
}

/** The first line that a program prints for `--version`, or undefined where there is no such program. */
export async function versionOf(
  command: string,
  args: readonly string[] = ["--version"],
): Promise<string | undefined> {
  const { code, output } = await run(command, args);
  return code === 0 ? output.split("\n")[0]?.trim() : undefined;
}
