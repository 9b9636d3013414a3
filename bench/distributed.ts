// Times steps of ResNet18 with MC-Loss in one process of 16 images, and in two of 8 that average their gradients, apart and
// together, ours and PyTorch's DistributedDataParallel in turn in one run; a thread for each process.
//   npm run bench -- distributed [--side 96|224] [--rounds 10] [--mbit 1000] [--compress] [--bucket MIB]
//     [--python python3] [--json]
// "overhead" is what averaging adds to a step of two processes that train for themselves at the same time: the median over
// the rounds, in time and in what each process computes. With --mbit the processes are in two network namespaces with a wire
// of that speed between them, which needs root. What is told of more processes is a calculation from these figures, and no
// measurement.
// Buckets of 0.25, 1, 8 and 25 MiB: averaging computed 32, 30, 45 and 25 ms a step on loopback (8 rounds each on a busy
// machine, ± 10 ms), so that it does not matter there; lib/distributed/buckets.ts takes 1, of which sending begins soonest.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { formatTable } from "#lib/table.js";
import { efficiency } from "./distributed/efficiency.js";
import type { RankProblem } from "./distributed/problem.js";
import { Ranks, type Side, type StepTime } from "./distributed/ranks.js";
import { layWire } from "./distributed/wire.js";
import { median } from "./median.js";

const { values } = parseArgs({
  options: {
    side: { type: "string", default: "96" },
    rounds: { type: "string", default: "10" },
    mbit: { type: "string" },
    bucket: { type: "string" },
    compress: { type: "boolean", default: false },
    python: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const side = Number(values.side);
const rounds = Number(values.rounds);
const WARM_UP = 2;
const FLOAT_BYTES = 4;
const LOOPBACK_MBIT = 7000;
const bucketBytes = values.bucket === undefined ? undefined : Number(values.bucket) * 2 ** 20;

const FORMS = {
  "1 × 16": { count: 1, batch: 16, reduce: false },
  "2 × 8 apart": { count: 2, batch: 8, reduce: false },
  "2 × 8": { count: 2, batch: 8, reduce: true },
} as const;
type Form = keyof typeof FORMS;

const wire = values.mbit === undefined ? undefined : layWire(Number(values.mbit));
try {
  await measure();
} finally {
  wire?.remove();
}

async function measure(): Promise<void> {
  const sides: Side[] = [{ name: "ours" }];
  if (values.python !== undefined) sides.push({ name: "Python", command: values.python });
  const running: { side: Side["name"]; form: Form; ranks: Ranks; times: StepTime[] }[] = [];
  for (const program of sides) {
    for (const form of Object.keys(FORMS) as Form[]) {
      const { count, ...own } = FORMS[form];
      const problem: RankProblem = { side, compress: values.compress && own.reduce, bucketBytes, ...own };
      const ranks = await Ranks.start(program, count, problem, own.reduce ? wire : undefined);
      running.push({ side: program.name, form, ranks, times: [] });
    }
  }
  for (let round = -WARM_UP; round < rounds; round += 1) {
    // Each in every place of a round: none is always after the same other.
    const first = (round + WARM_UP) % running.length;
    for (const { ranks, times } of [...running.slice(first), ...running.slice(0, first)]) {
      const time = await ranks.step();
      if (round >= 0) times.push(time);
    }
  }
  for (const { ranks } of running) ranks.stop();
  tell(
    sides.map(({ name }) => {
      const own = running.filter((one) => one.side === name);
      const timesOf = (form: Form) => own.flatMap((one) => (one.form === form ? one.times : []));
      const [alone, apart, together] = [timesOf("1 × 16"), timesOf("2 × 8 apart"), timesOf("2 × 8")];
      const added = (what: keyof StepTime) =>
        median(together.map((time, round) => time[what] - (apart[round]?.[what] ?? NaN)));
      return {
        name,
        one: median(alone.map(({ ms }) => ms)),
        apart: median(apart.map(({ ms }) => ms)),
        together: median(together.map(({ ms }) => ms)),
        overhead: added("ms"),
        computed: added("cpu"),
        gradientBytes: FLOAT_BYTES * (own[0]?.ranks.parameters ?? 0),
      };
    }),
  );
}

interface Result {
  name: string;
  one: number;
  apart: number;
  together: number;
  overhead: number;
  /** What of the overhead a process computes. */
  computed: number;
  gradientBytes: number;
}

function tell(results: readonly Result[]): void {
  const load = (loadavg()[0] ?? 0).toFixed(1);
  if (values.json) {
    console.log(JSON.stringify({ side, mbit: values.mbit ?? null, load, results }));
    return;
  }
  const ms = (value: number) => `${Math.round(value)} ms`;
  const rows = results.map(({ name, one, apart, together, overhead, computed }) => [
    name,
    ms(one),
    ms(apart),
    ms(together),
    ms(overhead),
    ms(computed),
    `${(one / together).toFixed(2)} ×`,
  ]);
  const head = ["", ...Object.keys(FORMS), "overhead", "of it computed", "speed-up"];
  console.log(`ResNet18, ${side} × ${side}, medians of ${rounds} rounds, load ${load}`);
  console.log(formatTable([head, ...rows], [1, 2, 3, 4, 5, 6]));
  const [ours, python] = results;
  if (ours && python) {
    const ratioOf = (what: "overhead" | "computed") => (ours[what] / python[what]).toFixed(2);
    console.log(`ours over Python's: overhead ${ratioOf("overhead")}, of it computed ${ratioOf("computed")}`);
  }
  if (ours) tellCalculated(ours);
}

function tellCalculated({ apart, overhead, gradientBytes }: Result): void {
  const mbit = Number(values.mbit ?? LOOPBACK_MBIT);
  const sending = (8000 * gradientBytes) / (mbit * 1e6);
  const measured = { apart, overhead, sending, gradientBytes };
  const rows = [8, 64].map((processes) => [
    `${processes} processes`,
    ...[1000, 10_000, 100_000].map(
      (speed) => `${Math.round(100 * efficiency(measured, processes, speed))} %`,
    ),
  ]);
  console.log("\nefficiency by calculation (ring all-reduce, this step's arithmetic), not measured:");
  console.log(formatTable([["", "1 Gbit/s", "10 Gbit/s", "100 Gbit/s"], ...rows], [1, 2, 3]));
}
