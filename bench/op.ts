// Times the loss's forward and backward: the fused operator against its reference form, a copy of the features (the
// floor) and, with --python, the released code's operators in eager PyTorch, all in this run and in turn.
//   npm run bench -- op [--threads 1] [--rounds 20] [--python python3]
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { ChannelGroups, Generator, ops, tensor, type Tensor } from "mutual-channel-loss";
import { native } from "#lib/native/binding.js";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "20" },
    python: { type: "string" },
  },
});
const threads = Number(values.threads);
const rounds = Number(values.rounds);

const PROBLEMS = [
  { shape: [10, 600, 14, 14], groups: ChannelGroups.split(600, 200) },
  { shape: [32, 2048, 14, 14], groups: ChannelGroups.split(2048, 200) },
  { shape: [64, 600, 7, 7], groups: ChannelGroups.split(600, 200) },
  { shape: [16, 2048, 28, 28], groups: ChannelGroups.split(2048, 200) },
];

interface Problem {
  shape: number[];
  groups: ChannelGroups;
  channelsLast: boolean;
}

type Timer = () => Promise<number>;

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN;
}

/** One forward and backward of an operator, in ms. */
function timeOperator(
  operator: string,
  x: Tensor,
  labels: Tensor,
  mask: Tensor,
  groups: ChannelGroups,
): Timer {
  const { blockClasses, blockChannels } = groups.toLists();
  return async () => {
    const leaf = x.detach().withGrad();
    const started = performance.now();
    const terms = ops(operator, leaf, labels, blockClasses, blockChannels, { mask }) as Tensor[];
    await terms[0]?.backward();
    const elapsed = performance.now() - started;
    for (const term of [...terms, leaf.grad, leaf]) term?.dispose();
    return elapsed;
  };
}

function timeCopy(x: Tensor): Timer {
  return async () => {
    const started = performance.now();
    const copy = x.clone();
    const elapsed = performance.now() - started;
    copy.dispose();
    return Promise.resolve(elapsed);
  };
}

/** A PyTorch process that times one run whenever it is asked. */
function startPython(python: string): (problem: Problem) => Timer {
  const script = new URL("op.py", import.meta.url).pathname;
  const child = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.unref();
  return ({ shape, groups, channelsLast }) => {
    const blocks = groups.blocks.map(({ classes, channels }) => [classes, channels]);
    // Each asking warms up by one run, as its features are new.
    const request = JSON.stringify({ shape, blocks, channelsLast, threads, runs: 2 });
    return async () => {
      child.stdin.write(`${request}\n`);
      const { value } = (await lines.next()) as { value: string };
      return (JSON.parse(value) as number[])[1] ?? NaN;
    };
  };
}

async function measure(problem: Problem, python: ((problem: Problem) => Timer) | undefined) {
  const { shape, groups, channelsLast } = problem;
  const drawn = (ops("aten::randn.generator", shape, { generator: new Generator(1) }) as Tensor).relu();
  const x = channelsLast
    ? (ops("aten::contiguous", drawn, { memory_format: "channelsLast" }) as Tensor)
    : drawn;
  const labels = tensor(
    Int32Array.from({ length: shape[0] ?? 0 }, (_, i) => i % groups.classes),
    { dtype: "int64" },
  );
  const mask = tensor(Uint8Array.from({ length: groups.channels }, (_, i) => Number(i % 3 !== 1)));
  const timers: Record<string, Timer> = {
    fused: timeOperator("mcloss::mc_loss", x, labels, mask, groups),
    copy: timeCopy(x),
    reference: timeOperator("mcloss::reference", x, labels, mask, groups),
    ...(python ? { pytorch: python(problem) } : {}),
  };
  const times = Object.fromEntries(Object.keys(timers).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, timer] of Object.entries(timers)) {
      const elapsed = await timer();
      if (round > 0) times[name]?.push(elapsed);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}

native().threads(threads);
const python = values.python === undefined ? undefined : startPython(values.python);
console.log(
  `forward + backward, float32, ${threads} thread(s), median of ${rounds}; ms, and ratios to the fused form`,
);
for (const { shape, groups } of PROBLEMS) {
  for (const channelsLast of [false, true]) {
    const result = await measure({ shape, groups, channelsLast }, python);
    const { fused = NaN } = result;
    const others = Object.entries(result).filter(([name]) => name !== "fused");
    const ratios = others.map(([name, ms]) => `${name} ${ms.toFixed(2)} (${(ms / fused).toFixed(2)}x)`);
    const name = `[${shape.join(", ")}]${channelsLast ? " channels_last" : ""}`;
    console.log(`${name.padEnd(34)} fused ${fused.toFixed(2)}   ${ratios.join("   ")}`);
  }
}
process.exit(0);
