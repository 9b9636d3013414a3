import { Option } from "commander";
import { once } from "node:events";
import { portNumber } from "./arguments.js";
import { printLine } from "./progress.js";

/** Options of the commands that can serve a run's page. */
export interface WatchFlags {
  watch?: boolean | undefined;
  port?: number | undefined;
}

export function watchOption(text: string): Option {
  return new Option("--watch", text);
}

export function portOption(): Option {
  return new Option("--port <n>", "where on 127.0.0.1 --watch serves (default: a port that is free)")
    .argParser(portNumber)
    .implies({ watch: true });
}

/** Runs `training` and, where asked, serves the page of its run meanwhile. */
export async function withWatch(
  folder: string,
  { watch = false, port = 0 }: WatchFlags,
  training: () => Promise<void>,
): Promise<void> {
  if (!watch) return training();
  const { watchRun } = await import("../report/watch-run.js");
  const watching = await watchRun(folder, { port });
  printLine(`live view: ${watching.url}`);
  try {
    await training();
  } finally {
    await watching.close();
  }
}

export async function watchUntilInterrupted(folder: string, port = 0): Promise<void> {
  const { readRun } = await import("../run/read-run.js");
  const { watchRun } = await import("../report/watch-run.js");
  await readRun(folder); // an error for a folder that is not a run's
  const watching = await watchRun(folder, { port, keepAlive: true });
  printLine(`live view: ${watching.url} (Ctrl-C ends it)`);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  await watching.close();
}
