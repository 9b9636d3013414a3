import { checkPlace } from "../check-argument.js";
import { z } from "zod";
import { flag, optionsOf, parseOptions } from "../schema.js";
import { stat } from "node:fs/promises";
import { fileVersion } from "../io/file-version.js";
import { readRun, type RecordedRun } from "../run/read-run.js";
import { invalidArgument } from "../errors.js";
import { runFiles } from "../run/run-files.js";
import { LiveServer } from "./live-server.js";
import { liveUpdate, renderLivePage } from "./page.js";
import { shown } from "../shown.js";

const LOOK_EVERY_MS = 500;

/** Options of {@link watchRun}. */
export interface WatchOptions {
  /** Default 0: any that is free. */
  port?: number;
  /** Whether the page is served, and the process kept alive, until close() is called. Default false. */
  keepAlive?: boolean;
}

/** A page that follows a run. */
export interface RunWatch {
  /** Where the page is. */
  readonly url: string;
  /** Sends what is new, tells the pages that the training has ended, and stops serving. */
  close(): Promise<void>;
}

const schema = optionsOf<WatchOptions>({ port: z.number().optional(), keepAlive: flag.optional() });

/**
 * Serves the report of a run on 127.0.0.1, updated by server-sent events whenever an epoch has ended. It can only be read,
 * and nothing else of the folder is served.
 * @param folder a run's; it may not exist yet
 * @throws McLossError ERR_ARGUMENT, or ERR_IO when the port is in use
 */
export async function watchRun(folder: string, options: WatchOptions = {}): Promise<RunWatch> {
  const { port = 0, keepAlive = false } = parseOptions(schema, options);
  checkPlace("folder", folder);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw invalidArgument("port", `must be an integer from 0 to 65535, got ${shown(port)}`);
  }
  const { info, metrics } = runFiles(folder);
  const stamp = () => stampOf([info, metrics]);
  // Before they are read: what is written meanwhile is another stamp.
  let seen = await stamp();
  let run = await readStarted(folder);
  const server = await LiveServer.start(
    {
      page: () => renderLivePage(run),
      state: () => JSON.stringify(liveUpdate(run, false)),
    },
    port,
    keepAlive,
  );
  const look = async (ended: boolean) => {
    run = await readStarted(folder);
    server.send(JSON.stringify(liveUpdate(run, ended)));
  };
  const follow = async () => {
    const current = await stamp();
    if (current === seen) return;
    seen = current;
    await look(false);
  };
  // The training goes on whatever becomes of its page.
  const timer = setInterval(() => void follow().catch(() => undefined), LOOK_EVERY_MS).unref();
  return {
    url: server.url,
    async close() {
      clearInterval(timer);
      await look(true).catch(() => undefined);
      await server.close();
    },
  };
}

/** Undefined until the run has begun. */
async function readStarted(folder: string): Promise<RecordedRun | undefined> {
  return readRun(folder).catch(() => undefined);
}

/** Tells contents of files from earlier ones. */
async function stampOf(paths: readonly string[]): Promise<string> {
  const stamps = paths.map(async (path) => {
    const file = await stat(path, { bigint: true }).catch(() => undefined);
    return file ? fileVersion(file) : "absent";
  });
  return (await Promise.all(stamps)).join(";");
}
