// Times the loss: the fused operator against its reference form, a copy of the features (the floor) and, with --python,
// the released code's operators in PyTorch, eager and compiled; all in this run and in turn.
//   npm run bench -- op [--threads 1] [--rounds 20] [--device cpu|cuda] [--clock wall|processor]
//                       [--python python3 [--compile]] [--json]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { cuda, type Tensor } from "mutual-channel-loss";
import { native } from "#lib/native/binding.js";
import { median } from "./median.js";
import { findPeak } from "./op/peak.js";
import {
  listProblems,
  makeCopy,
  makeInputs,
  runOperator,
  type Clock,
  type Inputs,
  type Problem,
} from "./op/problem.js";
import { Python } from "./op/python.js";
import { formatHead, formatRow, PASSES, type Figures, type Pass, type Row } from "./op/table.js";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "20" },
    device: { type: "string", default: "cpu" },
    clock: { type: "string", default: "wall" },
    python: { type: "string" },
    compile: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);
const device = readDevice(values.device);
const clock = readClock(values.clock);
/** With --json, stdout has the document alone. */
const say = values.json ? console.error : console.log;

/** What computes the loss. */
interface Form {
  name: string;
  run: (backward: boolean) => Promise<{ ms: number; loss: number }>;
  /** Bytes beyond the features; undefined where it cannot be told. */
  peak: () => Promise<number | undefined>;
}

function readDevice(name: string): "cpu" | "cuda" {
  if (name === "cpu" || name === "cuda") return name;
  throw new Error(`--device is cpu or cuda, not ${name}`);
}

function readClock(name: string): Clock {
  if (name === "wall" || name === "processor") return name;
  throw new Error(`--clock is wall or processor, not ${name}`);
}

function listForms(problem: Problem, index: number, inputs: Inputs, python: Python | undefined): Form[] {
  const ours = (name: string, operator: string): Form => ({
    name,
    run: (backward) => runOperator(operator, problem, inputs, backward, clock),
    peak: () => findPeak(operator, problem, index),
  });
  const theirs = (name: string, compile: boolean, from: Python): Form => ({
    name,
    run: (backward) => from.run(problem, { compile, backward }),
    peak: () => Python.findPeak(values.python ?? "", problem, compile),
  });
  const forms = [ours("fused", "mcloss::mc_loss"), ours("reference", "mcloss::reference")];
  if (python) forms.push(theirs("eager", false, python));
  if (python && values.compile) forms.push(theirs("compiled", true, python));
  return forms;
}

/** Runs all forms in turn; the first round warms up. A form that fails is left out from there on. */
async function time(problem: Problem, inputs: Inputs, forms: Form[]) {
  const copy = makeCopy(problem, inputs, clock);
  const times = new Map<string, number[]>();
  const failed = new Set<Form>();
  let expected = NaN;
  const runForm = async (form: Form, pass: Pass) => {
    const { ms, loss } = await form.run(pass === "forward+backward");
    if (form.name === "fused") expected = loss;
    if (Math.abs(loss - expected) > 1e-3 * expected) throw new Error(`gives ${loss}, not ${expected}`);
    return ms;
  };
  const note = (key: string, round: number, ms: number) => {
    if (round > 0) times.set(key, [...(times.get(key) ?? []), ms]);
  };
  for (let round = 0; round <= rounds; round += 1) {
    note("copy", round, copy.run());
    for (const form of forms.filter((form) => !failed.has(form))) {
      try {
        for (const pass of PASSES) note(form.name + pass, round, await runForm(form, pass));
      } catch (error) {
        failed.add(form);
        say(`${form.name}: ${(error as Error).message}`);
      }
    }
  }
  copy.dispose();
  const medianOf = (key: string) => median(times.get(key) ?? []);
  return { medianOf, done: forms.filter((form) => !failed.has(form)) };
}

async function measure(problem: Problem, index: number, python: Python | undefined): Promise<Row[]> {
  const inputs = makeInputs(problem);
  const { medianOf, done } = await time(problem, inputs, listForms(problem, index, inputs, python));
  for (const input of Object.values(inputs)) (input as Tensor).dispose();
  const bytes = 4 * problem.shape.reduce((product, size) => product * size, 1);
  const peaks = new Map<string, number>();
  for (const form of device === "cpu" ? done : []) {
    const peak = await form.peak().catch(() => undefined);
    if (peak !== undefined) peaks.set(form.name, peak / bytes);
  }
  return PASSES.map((pass) => {
    const copy = medianOf("copy");
    const fused = medianOf(`fused${pass}`);
    const figures = done.map(({ name }): [string, Figures] => {
      const ms = medianOf(name + pass);
      const peak = pass === "forward+backward" ? peaks.get(name) : undefined;
      return [name, { ms, ratio: name === "fused" ? ms / copy : ms / fused, peak }];
    });
    const { shape, channelsLast } = problem;
    const layout = channelsLast ? "channels_last" : "contiguous";
    return { shape, layout, pass, copy, forms: Object.fromEntries(figures) };
  });
}

async function measureAll(python: Python | undefined): Promise<Row[]> {
  const theirs = values.compile ? ["eager", "compiled"] : ["eager"];
  const columns = ["fused", "reference", ...(python ? theirs : [])];
  say(`float32, ${clock} time, median of ${rounds}; mem: peak beyond the features, in features`);
  say(formatHead(columns));
  const rows: Row[] = [];
  for (const [index, problem] of listProblems(device, threads).entries()) {
    const measured = await measure(problem, index, python);
    say(measured.map((row) => formatRow(row, columns)).join("\n"));
    for (const row of measured) rows.push(row);
  }
  return rows;
}

native().threads(threads);
const available = device === "cpu" || cuda.isAvailable();
const python = available && values.python ? await Python.start(values.python) : undefined;
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  threads,
  node: process.version,
  libtorch: native().torchVersion().runtime,
  pytorch: python?.torch ?? null,
  device: available && device === "cuda" ? (python?.gpu ?? device) : device,
};
say(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value ?? "none"}`)
    .join(", "),
);
if (!available) say("no GPU: nothing to measure");
else if (values.python && !python) say(`no PyTorch in ${values.python}: measuring without it`);
const rows = available ? await measureAll(python) : [];
python?.stop();
if (values.json) console.log(JSON.stringify({ machine, rounds, rows }, null, 2));
