// Random inputs, `npm run fuzz [-- images|calls] [--rounds 500] [--programs 10000] [--seed 1]`: damaged images, and
// calls in any order beside a training. A seed and a round name what failed.
import { parseArgs } from "node:util";
import { fuzzCallOrders, terminateWorkers } from "./call-orders.js";
import { fuzzImages } from "./images.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "500" },
    programs: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
  },
});
const seed = Number(values.seed);
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const secondsSince = (started: number) => Math.round((performance.now() - started) / 1000);

function reportMemory(resident: readonly number[]): void {
  const [settled, last] = [resident[resident.length >> 1] ?? 0, resident.at(-1) ?? 0];
  console.log(`resident memory: ${mebibytes(settled)} half way, ${mebibytes(last)} at the end`);
  if (last <= settled + 64 * 2 ** 20) return;
  console.error("memory grows: something leaks");
  process.exitCode = 1;
}

async function images(): Promise<void> {
  const started = performance.now();
  const { decoded, refused, resident } = await fuzzImages({
    rounds: Number(values.rounds),
    seed,
    onRound: (round, { decoded, refused, resident }) => {
      if (round % 50 > 0) return;
      console.log(
        `round ${round}: ${decoded} decoded, ${refused} refused, ${mebibytes(resident.at(-1) ?? 0)}`,
      );
    },
  });
  const total = `${decoded + refused} damaged images in ${secondsSince(started)} s`;
  console.log(`${total}: ${decoded} decoded, ${refused} refused`);
  reportMemory(resident);
}

async function calls(): Promise<void> {
  const started = performance.now();
  const resident: number[] = [];
  const programs = Number(values.programs);
  const outcomes = await fuzzCallOrders({
    programs,
    seed,
    onProgram: (done) => {
      if (done % 100 > 0) return;
      resident.push(process.memoryUsage.rss());
      if (done % 1000 === 0) console.log(`${done} programs, ${mebibytes(resident.at(-1) ?? 0)}`);
    },
  });
  const counted = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(", ");
  console.log(`${programs} programs in ${secondsSince(started)} s: ${counted}`);
  reportMemory(resident);
  const workers = Math.ceil(programs / 100);
  await terminateWorkers({ workers, seed });
  console.log(`${workers} workers terminated in the middle of programs`);
}

const kinds = { images, calls };
for (const kind of positionals.length > 0 ? positionals : Object.keys(kinds)) {
  await kinds[kind as keyof typeof kinds]();
}
