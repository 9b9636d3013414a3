// Times inference from images to logits: this package, frozen for inference, beside onnxruntime-node, PyTorch in
// channels_last and PyTorch compiled with frozen weights; the same networks with 200 classes, all in this run, in turn, each
// in a process of its own that is stopped while another has its turn. Then requests of JPEG bytes through Classifier, beside
// sharp and onnxruntime-node, and `mcloss predict` of 1,000 files beside a Python script with torchvision's loader.
//   npm run bench -- predict [--quick] [--rounds 15] [--threads 1,2] [--network resnet18,…] [--size 224,448] [--batch 1,16]
//     [--precision float32,bfloat16] [--python python3] [--compile] [--only passes|requests|files] [--json]
// onnxruntime-node is found on NODE_PATH: npm install --prefix DIR --ignore-scripts onnxruntime-node. --quick takes 224, few
// rounds and no compiled script, and less than four minutes. A ratio is our time over theirs: the median over the rounds, of each pair in the same round.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { native } from "#lib/native/binding.js";
import { formatTable } from "#lib/table.js";
import { median } from "./median.js";
import { compareFiles } from "./predict/files.js";
import { findPeak } from "./predict/peak.js";
import { NETWORKS, type Problem } from "./predict/problem.js";
import { measureRequests } from "./predict/requests.js";
import { SideProcess } from "./predict/side-process.js";
import {
  exportProblem,
  findOnnxRuntime,
  pytorch,
  startPython,
  type Pass,
  type Side,
} from "./predict/sides.js";
import type { PythonProcess } from "./python-process.js";
import type { Precision } from "./train/problem.js";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    threads: { type: "string" },
    network: { type: "string" },
    size: { type: "string" },
    batch: { type: "string", default: "1,16" },
    precision: { type: "string" },
    python: { type: "string" },
    compile: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 5 : 15));
/** Passes that are not timed: what is loaded, packed and compiled once. */
const WARM_UP = 2;
/** Passes of fewer ms are the second of their turn. */
const BRIEF = 100;
/** With --json, stdout has the document alone. */
const say = values.json ? console.error : console.log;
const runtime = findOnnxRuntime();
const EXPORTED = join(mkdtempSync(join(tmpdir(), "mcloss-bench-")), "model.onnx");
process.once("exit", () => rmSync(dirname(EXPORTED), { recursive: true }));

interface Row extends Problem {
  side: string;
  imagesPerSecond: number;
  p50: number;
  p99: number;
  /** Of the processors, in ms: what is left of a time on a busy machine. The least of the rounds. */
  cpu: number;
  /** Our time over this side's. */
  ratio?: number;
  /** Bytes that a fresh process has at most, beyond those before the network. */
  peak?: number;
}

function list(given: string | undefined, otherwise: readonly (string | number)[]): string[] {
  return given?.split(",") ?? otherwise.map(String);
}

function listProblems(): Problem[] {
  // Where the processor has no instructions for it, bfloat16 is far slower on both sides.
  const both = readFileSync("/proc/cpuinfo", "utf8").includes("avx512_bf16");
  const precisions = list(values.precision, ["float32", ...(both ? ["bfloat16"] : [])]) as Precision[];
  const problems: Problem[] = [];
  for (const network of list(values.network, NETWORKS) as Problem["network"][])
    for (const size of list(values.size, values.quick ? [224] : [224, 448]))
      for (const batch of list(values.batch, []))
        for (const threads of list(values.threads, [...new Set([1, availableParallelism()])]))
          for (const precision of precisions)
            problems.push({
              network,
              size: Number(size),
              batch: Number(batch),
              threads: Number(threads),
              precision,
            });
  return problems;
}

/** The processes of the sides, from problem to problem. */
interface Processes {
  ours: SideProcess;
  onnxruntime?: SideProcess;
  eager?: PythonProcess;
  compiled?: PythonProcess;
}

async function startProcesses(): Promise<Processes> {
  const processes: Processes = { ours: await SideProcess.start("ours") };
  if (runtime) processes.onnxruntime = await SideProcess.start("onnxruntime");
  if (values.python) processes.eager = await startPython(values.python);
  if (values.python && values.compile) processes.compiled = await startPython(values.python);
  return processes;
}

async function openSides(problem: Problem, processes: Processes): Promise<Map<string, Side>> {
  const { ours, onnxruntime, eager, compiled } = processes;
  await ours.open(problem, EXPORTED);
  const sides = new Map<string, Side>([["ours", ours]]);
  if (onnxruntime && problem.precision === "float32") {
    await exportProblem(problem, EXPORTED);
    await onnxruntime.open(problem, EXPORTED);
    sides.set("onnxruntime", onnxruntime);
  }
  if (eager) sides.set("PyTorch", await pytorch(eager, problem, false));
  if (compiled) sides.set("compiled", await pytorch(compiled, problem, true));
  return sides;
}

/** One pass of a side that has the machine to itself; short ones after one that wakes its threads and caches. */
async function takeTurn(side: Side, last: number): Promise<Pass> {
  side.resume();
  if (last < BRIEF) await side.pass();
  const pass = await side.pass();
  side.pause();
  return pass;
}

async function checkSame({ ours, onnxruntime }: Processes): Promise<void> {
  if (!onnxruntime) return;
  const [wanted, got] = [await onnxruntime.logits(), await ours.logits()];
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const off = wanted.findIndex((value, i) => !(Math.abs(value - (got[i] ?? NaN)) <= 1e-5 * largest));
  if (off >= 0) throw new Error(`logits[${off}] is ${got[off]}, onnxruntime's ${wanted[off]}`);
}

async function measure(problem: Problem, processes: Processes): Promise<Row[]> {
  const sides = await openSides(problem, processes);
  const passes = new Map<string, Pass[]>([...sides.keys()].map((name) => [name, []]));
  for (let round = -WARM_UP; round < rounds; round += 1) {
    for (const [name, side] of sides) {
      passes.get(name)?.push(await takeTurn(side, passes.get(name)?.at(-1)?.ms ?? Infinity));
    }
  }
  if (sides.has("onnxruntime")) await checkSame(processes);
  const timed = (name: string) => passes.get(name)?.slice(WARM_UP) ?? [];
  const own = timed("ours").map(({ ms }) => ms);
  const rows: Row[] = [];
  for (const side of sides.keys()) {
    const all = timed(side).map(({ ms }) => ms);
    const p50 = median(all);
    const sorted = all.toSorted((a, b) => a - b);
    const row: Row = {
      ...problem,
      side,
      imagesPerSecond: (1000 * problem.batch) / p50,
      p50,
      p99: sorted[Math.ceil(0.99 * sorted.length) - 1] ?? NaN,
      cpu: timed(side).reduce((least, { cpu }) => Math.min(least, cpu), Infinity),
    };
    if (side !== "ours") row.ratio = median(all.map((ms, i) => (own[i] ?? NaN) / ms));
    if (!values.quick && (side === "ours" || side === "onnxruntime")) {
      const peak = await findPeak(side, problem, EXPORTED);
      if (peak !== undefined) row.peak = peak;
    }
    rows.push(row);
  }
  return rows;
}

function cells({ network, size, batch, threads, precision, side, ...row }: Row): string[] {
  return [
    `${network} ${size}, batch ${batch}, ${threads} thread${threads > 1 ? "s" : ""}, ${precision}`,
    side,
    row.imagesPerSecond.toFixed(1),
    row.p50.toFixed(2),
    row.p99.toFixed(2),
    row.cpu.toFixed(2),
    row.ratio?.toFixed(2) ?? "",
    row.peak === undefined ? "" : (row.peak / 2 ** 20).toFixed(0),
  ];
}

const HEAD = ["", "", "images/s", "p50 ms", "p99 ms", "CPU ms", "ours/theirs", "peak, MB"];
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  node: process.version,
  libtorch: native().torchVersion().runtime,
  onnxruntime: runtime ? "found" : "none on NODE_PATH",
};
say(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value}`)
    .join(", "),
);
const rows: Row[] = [];
if ((values.only ?? "passes") === "passes") {
  const processes = await startProcesses();
  for (const problem of listProblems()) {
    const measured = await measure(problem, processes);
    for (const row of measured) rows.push(row);
    say(formatTable([HEAD, ...measured.map(cells)]));
  }
  for (const started of Object.values(processes)) (started as { stop(): void }).stop();
}
native().threads(availableParallelism());
const requests =
  (values.only ?? "requests") === "requests"
    ? await measureRequests(values.quick ? 50 : 400, values.quick ? 1 : 3, runtime, say)
    : [];
const files =
  (values.only ?? "files") === "files"
    ? await compareFiles(values.quick ? 100 : 1000, values.python, values.quick, say)
    : undefined;
if (values.json) console.log(JSON.stringify({ machine, rounds, rows, requests, files }, null, 2));
