// Times whole training steps (forward, CE + MC-Loss, backward, SGD) through Trainer: the paper's ResNet18 at 224 × 224 and
// ResNet50 at 448 × 448, MobileNetV2, EfficientNet and ConvNeXt at 224 × 224, and the demo's network. With --python, beside the same network in a plain PyTorch loop with the
// released code's loss: as it comes, with channels_last, and that compiled (which needs g++); all in this run, in turn. A
// ratio is the median over the rounds of our images/s over Python's beside them.
//   npm run bench -- train [--threads 1] [--rounds 10] [--network NAME] [--precision float32|bfloat16]
//     [--batch N] [--device cpu|cuda] [--python python3 [--no-compile]] [--json]
// On a GPU ResNet18 and ResNet50 are trained in float32, TF32 and bfloat16, each operator by operator and as a CUDA graph, which
// PyTorch compiled has by its mode "reduce-overhead".
// "beside" is the share of a step that is not LibTorch's: at most what a whole step of the smallest network takes, LibTorch's
// part of it included. "peak" is what a fresh process needs to make the network and train three steps.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { native } from "#lib/native/binding.js";
import { formatTable } from "#lib/table.js";
import { median } from "./median.js";
import { findPeak } from "./train/peak.js";
import {
  BATCH,
  CUDA_BATCH,
  NETWORKS,
  parameterShapes,
  SMALLEST,
  specOf,
  type Precision,
  type Problem,
} from "./train/problem.js";
import {
  findPythonPeak,
  findPythonVersion,
  PYTHON_FORMS,
  PythonSteps,
  type PythonForm,
} from "./train/python.js";
import { Steps } from "./train/steps.js";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "10" },
    network: { type: "string" },
    precision: { type: "string" },
    batch: { type: "string" },
    device: { type: "string", default: "cpu" },
    python: { type: "string" },
    "no-compile": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const threads = Number(values.threads);
const rounds = Number(values.rounds);
/** Steps that are not timed: what is loaded, allocated, captured and compiled once. */
const WARM_UP = values.device === "cuda" ? 6 : 2;
/** With --json, stdout has the document alone. */
const say = values.json ? console.error : console.log;

interface Row extends Problem {
  /** "ours", or what Python does. */
  form: string;
  imagesPerSecond: number;
  /** Our images/s over these. */
  ratio?: number;
  peak?: number;
  beside?: number;
}

function describeProblem({ network, precision, batch, tf32 = false, graph = false }: Problem): string {
  const name = tf32 ? "TF32" : precision;
  return `${network}, ${name}, batch ${batch}${graph ? ", graph" : ""}`;
}

/** What a GPU trains. */
function listGpuProblems(): Problem[] {
  const networks = (["resnet18", "resnet50"] as const).filter((name) => (values.network ?? name) === name);
  const forms = [
    { precision: "float32", tf32: false },
    { precision: "float32", tf32: true },
    { precision: "bfloat16", tf32: false },
  ] as const;
  return networks.flatMap((network) =>
    forms.flatMap((form) =>
      [false, true].map((graph) => ({
        network,
        batch: values.batch === undefined ? CUDA_BATCH[network] : Number(values.batch),
        threads,
        device: "cuda" as const,
        ...form,
        graph,
        blocks: blocksOf(network),
      })),
    ),
  );
}

function blocksOf(network: Problem["network"]): Problem["blocks"] {
  return specOf(network).groups.map(({ classes, channels }) => [classes, channels]);
}

function listProblems(): Problem[] {
  if (values.device === "cuda") return listGpuProblems();
  const networks = NETWORKS.filter((name) => (values.network ?? name) === name);
  // Where the processor has no instructions for it, bfloat16 is far slower on both sides.
  const both = readFileSync("/proc/cpuinfo", "utf8").includes("avx512_bf16");
  const precisions = (["float32", ...(both ? (["bfloat16"] as const) : [])] as const).filter(
    (name) => (values.precision ?? name) === name,
  );
  return precisions.flatMap((precision) =>
    networks.map((network) => ({
      network,
      batch: values.batch === undefined ? BATCH[network] : Number(values.batch),
      precision,
      threads,
      blocks: blocksOf(network),
    })),
  );
}

/** The median time of a step of the smallest network, in ms. */
async function timeSmallest(precision: Precision): Promise<number> {
  const most = 1000;
  const steps = new Steps(SMALLEST, { batch: 2, precision, most });
  const times: number[] = [];
  for (let i = 0; i < most; i += 1) times.push((await steps.run()).ms);
  return median(times.slice(most / 2));
}

/** One step of each side; times in ms by form. */
async function runRound(sides: ReadonlyMap<string, { run: () => Promise<{ ms: number; loss: number }> }>) {
  const times = new Map<string, number>();
  for (const [form, side] of sides) {
    const { ms, loss } = await side.run();
    if (!Number.isFinite(loss)) throw new Error(`${form}: the loss is ${loss}`);
    times.set(form, ms);
  }
  return times;
}

async function startPythons(
  problem: Problem,
  shapes: readonly number[][],
): Promise<Map<string, PythonSteps>> {
  const pythons = new Map<string, PythonSteps>();
  if (values.python === undefined || version === undefined) return pythons;
  for (const form of PYTHON_FORMS) {
    if (form.compile && values["no-compile"]) continue;
    pythons.set(form.name, await PythonSteps.start(values.python, problem, form, shapes));
  }
  return pythons;
}

async function measure(problem: Problem): Promise<Row[]> {
  const { batch, precision, device = "cpu" } = problem;
  const ours = await Steps.of(problem, WARM_UP + rounds);
  const pythons = await startPythons(problem, parameterShapes(ours.model));
  const sides = new Map<string, Steps | PythonSteps>([["ours", ours], ...pythons]);
  for (let i = 0; i < WARM_UP; i += 1) await runRound(sides);
  const measured: ReadonlyMap<string, number>[] = [];
  for (let round = 0; round < rounds; round += 1) measured.push(await runRound(sides));
  for (const python of pythons.values()) python.stop();
  const smallest = device === "cpu" ? await timeSmallest(precision) : undefined;
  const timesOf = (form: string) => measured.map((times) => times.get(form) ?? NaN);
  const rows: Row[] = [];
  for (const form of sides.keys()) {
    const ms = median(timesOf(form));
    const row: Row = { ...problem, form, imagesPerSecond: (1000 * batch) / ms };
    const python = PYTHON_FORMS.find(({ name }) => name === form);
    const peak = device === "cpu" ? await findPeakOf(problem, python) : undefined;
    if (peak !== undefined) row.peak = peak;
    if (python)
      row.ratio = median(measured.map((times) => (times.get(form) ?? NaN) / (times.get("ours") ?? NaN)));
    else if (smallest !== undefined) row.beside = smallest / ms;
    rows.push(row);
  }
  return rows;
}

function findPeakOf(problem: Problem, python: PythonForm | undefined): Promise<number | undefined> {
  return python && values.python ? findPythonPeak(values.python, problem, python) : findPeak(problem);
}

function cells({ form, imagesPerSecond, ratio, peak, beside, ...problem }: Row): string[] {
  return [
    `${describeProblem(problem)}, ${form}`,
    imagesPerSecond.toFixed(1),
    ratio?.toFixed(2) ?? "-",
    peak === undefined ? "-" : (peak / 2 ** 20).toFixed(0),
    beside === undefined ? "-" : `< ${(100 * beside).toFixed(2)} %`,
  ];
}

native().threads(threads);
const version = values.python === undefined ? undefined : await findPythonVersion(values.python);
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  threads,
  node: process.version,
  libtorch: native().torchVersion().runtime,
  pytorch: version ?? null,
};
say(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value ?? "none"}`)
    .join(", "),
);
if (values.python && version === undefined) say(`no PyTorch in ${values.python}: measuring without it`);
const rows: Row[] = [];
for (const problem of listProblems()) for (const row of await measure(problem)) rows.push(row);
say(`median of ${rounds} steps`);
say(formatTable([["", "images/s", "ours/theirs", "peak, MB", "beside"], ...rows.map(cells)]));
if (values.json) console.log(JSON.stringify({ machine, rounds, rows }, null, 2));
