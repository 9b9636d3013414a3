// Loads many damaged images: `npm run fuzz [-- --rounds 500] [--seed 1]`. A seed and a round name what failed.
import { parseArgs } from "node:util";
import { fuzzImages } from "./images.js";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "500" }, seed: { type: "string", default: "1" } },
});
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const started = performance.now();
const { decoded, refused, resident } = await fuzzImages({
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  onRound: (round, { decoded, refused, resident }) => {
    if (round % 50 > 0) return;
    console.log(`round ${round}: ${decoded} decoded, ${refused} refused, ${mebibytes(resident.at(-1) ?? 0)}`);
  },
});
const seconds = Math.round((performance.now() - started) / 1000);
console.log(`${decoded + refused} damaged images in ${seconds} s: ${decoded} decoded, ${refused} refused`);
const [settled, last] = [resident[resident.length >> 1] ?? 0, resident.at(-1) ?? 0];
console.log(`resident memory: ${mebibytes(settled)} half way, ${mebibytes(last)} at the end`);
if (last > settled + 64 * 2 ** 20) {
  console.error("memory grows: something leaks");
  process.exitCode = 1;
}
