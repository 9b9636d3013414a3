// What the loss is measured by: a copy of the features (memory), and LibTorch's exponential of each element in cache
// (arithmetic; the fused operator has a quicker one of its own); on one thread.
//   npm run bench -- roofline [--rounds 20]
import { parseArgs } from "node:util";
import { type Tensor } from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
const SHAPE = [32, 2048, 14, 14];
const CHUNK = 2048 * 14;
const elements = SHAPE.reduce((product, size) => product * size, 1);

/** Features, and memory for a result that is there already. */
function makePair(shape: number[]): { x: Tensor; out: Tensor } {
  const x = (ops("aten::randn", shape) as Tensor).relu();
  return { x, out: ops("aten::zeros_like", x) as Tensor };
}

/** The median of ms over rounds, and the first round left out. */
function time(run: () => unknown, repeats: number): number {
  const times = Array.from({ length: rounds + 1 }, () => {
    const started = performance.now();
    for (let i = 0; i < repeats; i += 1) (run() as Tensor).dispose();
    return performance.now() - started;
  });
  return times.slice(1).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN;
}

native().threads(1);
const large = makePair(SHAPE);
const chunk = makePair([CHUNK]);
const one = makePair([1]);
const chunks = elements / CHUNK;
const exp = ({ x, out }: { x: Tensor; out: Tensor }) => time(() => ops("aten::exp.out", x, { out }), chunks);
const results = {
  copy: time(() => ops("aten::copy_", large.out, large.x), 1),
  // Less what the calls themselves take.
  "exp in cache": exp(chunk) - exp(one),
};

console.log(`[${SHAPE.join(", ")}], float32, one thread, median of ${rounds}`);
for (const [name, ms] of Object.entries(results)) {
  console.log(
    `${name.padEnd(14)}${ms.toFixed(2).padStart(8)} ms ${((ms * 1e6) / elements).toFixed(3)} ns/element`,
  );
}
