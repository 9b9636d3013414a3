// Builds the addon with the address sanitizer, beside the usual build, and makes calls in random orders with it.
//   npm run fuzz:sanitized [-- --programs 300 --seed 1]
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { compileWithCmake } from "../dist/setup/compile.js";
import { findLibtorch } from "../dist/setup/find-libtorch.js";
import { silentReporter } from "../dist/reporter.js";

function run(command, args, env = {}) {
  const { status, signal } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  if (status === 0) return;
  if (signal) console.error(`${command} was ended by ${signal}`);
  process.exit(status ?? 1);
}

const libraryOf = (name) => execFileSync("g++", [`-print-file-name=${name}`], { encoding: "utf8" }).trim();

const { found } = await findLibtorch();
if (!found) throw new Error("no LibTorch on this machine; npm run build brings one");
const build = await compileWithCmake("build/sanitized", {
  libtorch: found,
  cuda: null,
  reporter: silentReporter,
  verbose: true,
  definitions: { MCLOSS_SANITIZE: "address" },
});

const programs = process.argv.slice(2);
const given = programs.some((argument) => argument.startsWith("--programs")) ? [] : ["--programs", "300"];
const fuzz = ["--expose-gc", "--import", "tsx", "test/fuzz/run.ts", "calls", ...given, ...programs];
run(process.execPath, fuzz, {
  MCLOSS_ADDON: join(build, "mcloss.node"),
  // Node itself is not built with it. Its libstdc++ must be there when the sanitizer looks for what it replaces.
  LD_PRELOAD: [libraryOf("libasan.so"), libraryOf("libstdc++.so.6")].join(" "),
  // V8 and LibTorch keep what they leave to the system at the end.
  ASAN_OPTIONS: `detect_leaks=0:${process.env.ASAN_OPTIONS ?? ""}`,
  // So that every tensor's memory is the sanitizer's.
  MCLOSS_ALLOCATOR: "system",
});
