// `npm run prebuild`: build:prebuilt by another name. npm runs a script of this name before each `npm run build` too, and only its title
// says which it was: there this does nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** What started this, its own starter, and so on up to npm. */
function* commandLines() {
  for (let pid = process.ppid; existsSync(`/proc/${pid}/cmdline`) && pid > 1;) {
    yield readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
    pid = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
  }
}

const npm = [...commandLines()].find((line) => line.startsWith("npm "));
if (/^npm run(-script)? .*\bprebuild\b/.test(npm ?? "")) {
  const args = ["run", "build:prebuilt", "--", ...process.argv.slice(2)];
  process.exitCode = spawnSync("npm", args, { stdio: "inherit" }).status ?? 1;
}
