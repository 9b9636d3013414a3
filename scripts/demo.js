// `npm run demo` from nothing: installs, builds, and runs the demo. Plain JavaScript, as nothing is installed yet.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const path = (...parts) => join(root, ...parts);

function run(command, ...args) {
  execFileSync(command, args, { cwd: root, stdio: "inherit" });
}

function changedAt(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

function newestIn(folder) {
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
  return files.map(changedAt).reduce((newest, time) => Math.max(newest, time), 0);
}

function main() {
  if (changedAt(path("package-lock.json")) > changedAt(path("node_modules", ".package-lock.json")))
    run("npm", "ci");
  if (newestIn(path("lib")) > changedAt(path("dist", ".tsbuildinfo")))
    run("npm", "run", "--silent", "build:ts");
  run(process.execPath, path("bin", "mcloss.js"), "setup");
  run(process.execPath, path("bin", "mcloss.js"), "demo", ...process.argv.slice(2));
}

try {
  main();
} catch (error) {
  // What failed has said why.
  process.exitCode = error.status ?? 1;
}
