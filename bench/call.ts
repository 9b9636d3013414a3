// Times what a call costs beside its arithmetic: operators on tensors of 4 × 4, made and disposed in a loop, against the
// same calls from Python where --python names one with PyTorch; in this run, in turn, on one thread. What is measured is
// the process's CPU time, all its threads together, so that garbage is counted and other programs are not. A processor's
// own speed changes from second to second: the ratio is the median over the rounds of ours over Python's beside it, some
// milliseconds later.
//   npm run bench -- call [--calls 2000] [--rounds 150] [--python python3] [--json]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { tidy, type Tensor } from "mutual-channel-loss";
import { cat, rand } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { median } from "./median.js";
import { PythonProcess } from "./python-process.js";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "2000" },
    rounds: { type: "string", default: "150" },
    python: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const calls = Number(values.calls);
const rounds = Number(values.rounds);
/** How many calls share a tidy(). */
const SCOPE = 50;
/** With --json, stdout has the document alone. */
const say = values.json ? console.error : console.log;

const x = rand([4, 4]);
const y = rand([4, 4]);
const w = rand([4, 4], { requiresGrad: true });

/** By the names that bench/call.py knows them by. */
const CASES: Record<string, () => Tensor> = {
  "x.add(y)": () => x.add(y),
  "x.mul(2)": () => x.mul(2),
  "x.relu()": () => x.relu(),
  "x.sum(1)": () => x.sum(1),
  "x.matmul(y)": () => x.matmul(y),
  "x.reshape([2, 8])": () => x.reshape([2, 8]),
  "x.at(0)": () => x.at(0),
  "cat([x, y])": () => cat([x, y]),
  "w.mul(x)": () => w.mul(x),
};

interface Row {
  call: string;
  /** ns a call, each result disposed of by hand. */
  dispose: number;
  /** ns a call, results disposed of by the tidy() around 50 of them. */
  tidy: number;
  /** ns a call in Python, results freed by their reference counts. */
  python?: number;
  /** The median over the rounds of the larger of the first two over the third. */
  ratio?: number;
}

/** CPU time in ns. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function timeDisposing(call: () => Tensor): number {
  const start = now();
  for (let i = 0; i < calls; i += 1) call().dispose();
  return (now() - start) / calls;
}

function timeTidying(call: () => Tensor): number {
  const start = now();
  for (let i = 0; i < calls; i += SCOPE) {
    tidy(() => {
      for (let j = 0; j < SCOPE; j += 1) call();
    });
  }
  return (now() - start) / calls;
}

interface Round {
  dispose: number;
  tidy: number;
  python?: number;
}

async function runRound(name: string, call: () => Tensor, python: PythonProcess | undefined): Promise<Round> {
  const ours = { dispose: timeDisposing(call), tidy: timeTidying(call) };
  const theirs = await python?.ask<{ ns: number }>({ name, calls });
  return theirs ? { ...ours, python: theirs.ns } : ours;
}

function summarize(call: string, measured: readonly Round[]): Row {
  const row = {
    call,
    dispose: median(measured.map(({ dispose }) => dispose)),
    tidy: median(measured.map(({ tidy }) => tidy)),
  };
  const paired = measured.flatMap(({ dispose, tidy, python }) => (python ? [{ dispose, tidy, python }] : []));
  if (paired.length === 0) return row;
  return {
    ...row,
    python: median(paired.map((round) => round.python)),
    ratio: median(paired.map((round) => Math.max(round.dispose, round.tidy) / round.python)),
  };
}

/** Round by round, all cases in turn; the first tenth warms up. */
async function measure(python: PythonProcess | undefined): Promise<Row[]> {
  const measured = new Map<string, Round[]>(Object.keys(CASES).map((name) => [name, []]));
  for (let round = -Math.ceil(rounds / 10); round < rounds; round += 1) {
    for (const [name, call] of Object.entries(CASES)) {
      const result = await runRound(name, call, python);
      if (round >= 0) measured.get(name)?.push(result);
    }
  }
  return [...measured].map(([name, results]) => summarize(name, results));
}

function formatRow({ call, dispose, tidy, python, ratio }: Row): string {
  const figures = [dispose, tidy, python].map((ns) => (ns?.toFixed(0) ?? "-").padStart(9));
  return `${call.padEnd(20)}${figures.join("")}${(ratio?.toFixed(2) ?? "-").padStart(8)}`;
}

native().threads(1);
const python = values.python ? await PythonProcess.start(values.python, "call.py") : undefined;
const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  node: process.version,
  libtorch: native().torchVersion().runtime,
  pytorch: (python?.hello as { torch: string } | undefined)?.torch ?? null,
};
say(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value ?? "none"}`)
    .join(", "),
);
if (values.python && !python) say(`no PyTorch in ${values.python}: measuring without it`);
say(`ns of CPU time a call, median of ${rounds} rounds of ${calls} calls, one thread`);
say(`${"".padEnd(20)}  dispose     tidy   Python   ratio`);
const rows = await measure(python);
for (const row of rows) say(formatRow(row));
python?.stop();
if (values.json) console.log(JSON.stringify({ machine, calls, rounds, rows }, null, 2));
