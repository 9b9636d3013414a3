// Formats native/, or with --check only says what is not formatted.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const files = readdirSync("native", { recursive: true })
  .filter((name) => /\.(h|cpp|cu)$/.test(name))
  .map((name) => join("native", name));
const mode = process.argv.includes("--check") ? ["--dry-run", "--Werror"] : ["-i"];
const command = createRequire(import.meta.url).resolve("clang-format/index.js");

try {
  execFileSync(process.execPath, [command, ...mode, ...files], { stdio: "inherit" });
} catch {
  process.exitCode = 1;
}
