import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const MCLOSS = fileURLToPath(new URL("../../bin/mcloss.js", import.meta.url));

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Starts the command in a folder. */
export function startMcloss(cwd: string, ...args: string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MCLOSS, ...args], { cwd });
}

/** Runs the command in a folder. */
export async function mclossIn(cwd: string, ...args: string[]): Promise<CommandResult> {
  const child = startMcloss(cwd, ...args);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode ?? -1, stdout, stderr };
}
