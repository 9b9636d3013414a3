// `npm run bench -- NAME [options]` runs bench/NAME.ts.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const [name = "op", ...options] = process.argv.slice(2);
const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
process.exitCode =
  spawnSync(process.execPath, ["--import", "tsx", script, ...options], { stdio: "inherit" }).status ?? 1;
