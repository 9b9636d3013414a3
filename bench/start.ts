// The time until `mcloss` prints its first byte, beside a bare Node process that prints one.
//   npm run bench -- start [--rounds 20]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "./median.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const mcloss = fileURLToPath(new URL("../bin/mcloss.js", import.meta.url));

const COMMANDS = {
  "mcloss --help": [mcloss, "--help"],
  "mcloss --version": [mcloss, "--version"],
  "mcloss train --help": [mcloss, "train", "--help"],
  "mcloss recipes": [mcloss, "recipes"],
};
const BARE = ["--eval", "console.log(1)"];

async function firstOutput(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout, "data");
  const milliseconds = performance.now() - started;
  child.kill();
  await once(child, "close");
  return milliseconds;
}

const rounds = Number(values.rounds);
console.log("first output, ms".padEnd(22), "median", "bare Node", "ratio");
for (const [name, args] of Object.entries(COMMANDS)) {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await firstOutput(args));
    bare.push(await firstOutput(BARE));
  }
  const [own, node] = [median(ours), median(bare)];
  console.log(
    name.padEnd(22),
    own.toFixed(0).padStart(6),
    node.toFixed(0).padStart(9),
    (own / node).toFixed(2).padStart(5),
  );
}
