import { spawn } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  errors: string;
}

interface ChildOptions {
  flags?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Called with what it writes to stdout. */
  onOutput?: (chunk: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs a module's source in a process of its own. */
export async function runModule(source: string, options: ChildOptions = {}): Promise<ChildResult> {
  const { flags = [], env = {}, onOutput } = options;
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", source], {
    env: { ...process.env, ...env },
  });
  let [output, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
    onOutput?.(chunk, (signal) => child.kill(signal));
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, output, errors };
}

/** Runs a module's source in a worker thread. */
export function startWorker(source: string, workerData?: unknown): Worker {
  // A data: module cannot import by the package's name.
  const module = source.replaceAll(/"mutual-channel-loss(?:\/(\w+))?"/g, (_, subpath?: string) => {
    const file = subpath === undefined ? "index.js" : `api/${subpath}.js`;
    return JSON.stringify(new URL(`../../dist/${file}`, import.meta.url).href);
  });
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(module)}`), { workerData });
}

/** Declares `done`, the promise of a job that keeps the executor busy: for longer, the larger `size`. */
export const busy = (size: number): string => `
  import { tensor } from "mutual-channel-loss";
  const x = tensor(new Float32Array(${size ** 2}).fill(0.001), { shape: [${size}, ${size}], requiresGrad: true });
  // Where the collector sees them.
  const made = (globalThis.made = [x]);
  for (let i = 0; i < 8; i += 1) made.push(made.at(-1).matmul(x));
  made.push(made.at(-1).sum());
  const done = made.at(-1).backward();
`;

export const BUSY = busy(1000);
