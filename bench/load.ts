// Times loading and saving a checkpoint of a ResNet's bottlenecks against PyTorch and the package safetensors, and how far
// memory rises meanwhile. Every run is a process of its own, ours and Python's in turn: a process loads once.
//   npm run bench -- load [--megabytes 500] [--rounds 4] [--python python3] [--cold] [--folder DIR] [--json]
// New tensors count as loaded once a byte of each page was read. Python's safetensors (0.8 or later) reads them into memory
// of their own, as is done here, or maps the file: then no memory is filled, and whoever cuts the file short later kills the
// process.
// --cold drops the system's page cache before each run, which needs root.
import { execFileSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Model, saveModel } from "mutual-channel-loss";
import { bottlenecks } from "./load/bottlenecks.js";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "500" },
    rounds: { type: "string", default: "4" },
    python: { type: "string" },
    cold: { type: "boolean", default: false },
    folder: { type: "string", default: tmpdir() },
    json: { type: "boolean", default: false },
  },
});
const say = values.json ? console.error : console.log;

/** What one process reports: seconds, and bytes that its memory rose by at most. */
interface Run {
  seconds: number;
  peak: number;
}

const TASKS = {
  "safetensors to new tensors": ["tensors", "safetensors"],
  "the same, Python mapping": ["mapped", "safetensors"],
  ".pth to new tensors": ["tensors", "pth"],
  "safetensors into a model": ["model", "safetensors"],
  ".pth into a model": ["model", "pth"],
  "save safetensors, fsync": ["save", "safetensors"],
} as const;

function script(name: string): string {
  return fileURLToPath(new URL(`load/${name}`, import.meta.url));
}

function run(command: string, args: readonly string[], how: string, path: string): Run {
  if (values.cold) writeFileSync("/proc/sys/vm/drop_caches", "3");
  else if (how !== "save") execFileSync("cat", [path], { stdio: ["ignore", "ignore", "inherit"] }); // into the cache
  const output = execFileSync(command, [...args, how, path], { encoding: "utf8" });
  return JSON.parse(output) as Run;
}

/** The run of median time. */
function median(runs: Run[]): Run | undefined {
  return runs.toSorted((a, b) => a.seconds - b.seconds)[Math.floor(runs.length / 2)];
}

function measure(how: string, path: string): { ours: Run; python: Run | undefined } {
  const ours: Run[] = [];
  const python: Run[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const runs = [
      () => ours.push(run(process.execPath, ["--import", "tsx", script("run.ts")], how, path)),
      () => values.python && python.push(run(values.python, [script("run.py")], how, path)),
    ];
    // What comes second finds the disk's own cache filled.
    for (const next of round % 2 === 0 ? runs : runs.toReversed()) next();
  }
  return { ours: median(ours) as Run, python: median(python) };
}

function format({ seconds, peak }: Run, bytes: number): string {
  const columns = [seconds.toFixed(3), (bytes / seconds / 1e9).toFixed(2), (peak / bytes).toFixed(2)];
  return columns.map((column) => column.padStart(8)).join("");
}

const folder = await mkdtemp(join(values.folder, "mcloss-bench-"));
try {
  const path = join(folder, "checkpoint.safetensors");
  {
    using model = new Model(bottlenecks(Number(values.megabytes) * 1e6));
    await saveModel(model, path);
  }
  const { size } = statSync(path);
  if (values.python) execFileSync(values.python, [script("run.py"), "convert", path]);
  else say("without --python: no PyTorch to compare with, and no .pth file");
  const cache = values.cold ? "cold" : "warm";
  say(
    `${(size / 1e6).toFixed(0)} MB, page cache ${cache}, ${cpus()[0]?.model ?? ""}, ${cpus().length} processors`,
  );
  say(`${" ".repeat(28)}ours: s    GB/s  peak/size  Python: s    GB/s  peak/size   ours/Python`);
  const rows = Object.entries(TASKS).flatMap(([name, [how, extension]]) => {
    const file = path.replace(/safetensors$/, extension);
    if (!existsSync(file)) return [];
    const { ours, python } = measure(how, file);
    const ratio = python && ours.seconds / python.seconds;
    say(
      `${name.padEnd(26)}${format(ours, size)}   ${python ? format(python, size) : ""}   ${ratio?.toFixed(2) ?? ""}`,
    );
    return [{ name, ours, python, ratio }];
  });
  if (values.json) console.log(JSON.stringify({ bytes: size, cache, rows }, null, 2));
} finally {
  await rm(folder, { recursive: true });
}
