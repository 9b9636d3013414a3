// `npm run try:install [-- NAME…] [--libtorch FILE] [--keep]`: the packed packages, in an empty project, by each package manager and in each
// runtime, where there is no compiler, CMake or Python. NAME is the beginning of a manager's, runtime's or bundler's name; --libtorch is a
// wheel of PyTorch or an archive of LibTorch that the first setup unpacks, in place of the LibTorch that is found.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { findLibtorch } from "#lib/setup/find-libtorch.js";
import { blocks, readPage } from "../support/docs.js";
import { bundlers } from "./bundlers.js";
import { managers, nodeOf, type Manager } from "./managers.js";
import { countPackages, makeProject, packAll, sizeOf, type Tarballs } from "./project.js";
import { runtimes, type Runtime } from "./runtimes.js";
import { Bench, Unavailable } from "./tools.js";

/** What programs/train.mjs tells. */
interface Trained {
  importSeconds: number;
  firstStepSeconds: number;
  loss: number;
  gradient: number;
  names: string[];
  checkpoint: boolean;
}

/** The loss of programs/train.mjs and its gradient's sum of magnitudes, by the formulas. */
const LOSS = 5.694587;
const GRADIENT = 7.23356;

const { values, positionals } = parseArgs({
  options: { libtorch: { type: "string" }, keep: { type: "boolean", default: false } },
  allowPositionals: true,
});
const bench = new Bench();
let failures = 0;

const isWanted = (name: string) =>
  positionals.length === 0 || positionals.some((start) => name.toLowerCase().startsWith(start.toLowerCase()));

function say(name: string, ...cells: string[]): void {
  console.log(name.padEnd(22), ...cells.map((cell) => cell.padStart(9)));
}

/** Tries what is wanted: what cannot be had is told, what fails counts. */
async function tryEach<T>(
  table: Readonly<Record<string, (bench: Bench) => T>>,
  attempt: (thing: T, name: string) => Promise<string[]> | string[],
): Promise<void> {
  for (const [name, find] of Object.entries(table).filter(([name]) => isWanted(name))) {
    try {
      say(name, ...(await attempt(find(bench), name)));
    } catch (error) {
      const isMissing = error instanceof Unavailable;
      if (!isMissing) failures += 1;
      say(name, `${isMissing ? "not tried" : "FAILED"}: ${(error as Error).message}`);
    }
  }
}

const seconds = (value: number) => `${value.toFixed(2)} s`;

function check(stdout: string): Trained {
  const trained = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Trained;
  const { loss, gradient, names, checkpoint } = trained;
  const isRight = Math.abs(loss - LOSS) < 1e-5 && Math.abs(gradient - GRADIENT) < 1e-4;
  if (!isRight || names.length !== 1 || !checkpoint) throw new Error(`train.mjs came to ${stdout}`);
  return trained;
}

/** A cache for one project, which holds a LibTorch and no addon. */
function cacheWith(libtorch: string, name: string): string {
  const cache = bench.path("caches", name);
  mkdirSync(cache, { recursive: true });
  symlinkSync(libtorch, join(cache, basename(libtorch)));
  return cache;
}

/** The LibTorch that the projects share: unpacked from a file by the first, or the one of this machine. */
async function shareLibtorch(tarballs: Tarballs): Promise<string> {
  if (values.libtorch === undefined) {
    const { found } = await findLibtorch();
    if (!found)
      throw new Error("no LibTorch on this machine: give --libtorch FILE, or npm run build brings one");
    console.log(`LibTorch ${found.version} in ${found.root}; without --libtorch FILE none is unpacked`);
    // The name by which a cache knows it.
    const link = bench.path(`libtorch-${found.version.split("+")[0] ?? ""}-cpu`);
    symlinkSync(found.root, link);
    return link;
  }
  const folder = bench.path("unpacking");
  await makeProject(folder, tarballs);
  const { node, install, exec } = managers["npm 11"]!(bench);
  bench.run(folder, install, { node });
  const { seconds: taken, stdout } = bench.run(
    folder,
    [...exec, "mcloss", "setup", "--json", "--from-file", resolve(values.libtorch)],
    { node },
  );
  console.log(`setup from ${basename(values.libtorch)}, with npm 11: ${seconds(taken)}`);
  return (JSON.parse(stdout) as { torchRoot: string }).torchRoot;
}

async function tryManager(
  manager: Manager,
  name: string,
  tarballs: Tarballs,
  libtorch: string,
): Promise<string[]> {
  const { node, version, install, exec, program = [node] } = manager;
  const folder = bench.path("projects", name.replaceAll(/\W+/g, "-"));
  await makeProject(folder, tarballs);
  manager.prepare?.(folder);
  const run = (command: readonly string[]) =>
    bench.run(folder, command, { node, env: { MCLOSS_CACHE: cache } });
  const cache = cacheWith(libtorch, basename(folder));
  const installed = run(install);
  const set = run([...exec, "mcloss", "setup"]);
  const { importSeconds, firstStepSeconds } = check(run([...program, "train.mjs"]).stdout);
  run([...exec, "mcloss", "predict", "run", "photos/test/red/0.png"]);
  return [
    run(version).stdout.trim(),
    seconds(installed.seconds),
    seconds(set.seconds),
    seconds(importSeconds),
    seconds(firstStepSeconds),
    `${sizeOf(folder).toFixed(0)} MiB`,
  ];
}

/** All that a runtime can do with the package, in a project that npm made. */
function tryRuntime(runtime: Runtime, folder: string, libtorch: string): string[] {
  const { command, version } = runtime;
  const cache = cacheWith(libtorch, `runtime-${String(command[0]).replaceAll(/\W+/g, "-")}`);
  const run = (args: readonly string[]) =>
    bench.run(folder, [...command, ...args], { env: { MCLOSS_CACHE: cache } });
  for (const out of ["run", "run-of-worker", "runs"])
    rmSync(join(folder, out), { recursive: true, force: true });
  const mcloss = "node_modules/mutual-channel-loss/bin/mcloss.js";
  run([mcloss, "setup"]);
  const { importSeconds, firstStepSeconds } = check(run(["train.mjs"]).stdout);
  if (run(["require.cjs"]).stdout !== "1\n") throw new Error("require.cjs is wrong");
  check(run(["worker.mjs"]).stdout);
  run([mcloss, "predict", "run", "photos/test/red/0.png"]);
  const pasted = ["mjs", ...(runtime.typescript ? ["mts"] : [])].filter((extension) => {
    const file = `readme.${extension}`;
    rmSync(join(folder, "runs"), { recursive: true, force: true });
    return /held-out accuracy: \d/.test(run([file]).stdout);
  });
  const said = bench.run(folder, version).stdout.trim().split("\n")[0] ?? "";
  return [
    said.replace(/ \(.*/, ""),
    seconds(importSeconds),
    seconds(firstStepSeconds),
    "setup, import, require, worker, mcloss,",
    `README as ${pasted.join(" and ")}`,
  ];
}

/** README's first program, as it is but for its epochs, in a project as `npm init --yes` makes it. */
function pasteReadme(folder: string): void {
  const [code = ""] = blocks("README.md", "ts");
  const short = code.replace(/epochs: \d+/, "epochs: 2");
  if (short === code) throw new Error("README's first program names no epochs");
  for (const extension of ["mjs", "mts"]) writeFileSync(join(folder, `readme.${extension}`), short);
}

try {
  const tarballs = packAll(bench.folder);
  const libtorch = await shareLibtorch(tarballs);

  say("\npackage manager", " version", "install", "setup", "import", "1st step", "on disk");
  await tryEach(managers, (manager, name) => tryManager(manager, name, tarballs, libtorch));

  const folder = bench.path("project");
  await makeProject(folder, tarballs);
  const { node, install } = managers["npm 11"]!(bench);
  bench.run(folder, install, { node });
  console.log(`\nproduction packages    ${countPackages(folder)}`);
  pasteReadme(folder);

  say("\nruntime", " version", "import", "1st step", "what ran");
  await tryEach(runtimes, (runtime) => tryRuntime(runtime, folder, libtorch));

  say("\nbundler", " what ran");
  const env = { MCLOSS_CACHE: cacheWith(libtorch, "bundlers") };
  bench.run(folder, [node, "node_modules/mutual-channel-loss/bin/mcloss.js", "setup"], { env });
  await tryEach(bundlers, (bundler) => {
    bundler.prepare(folder, readPage("docs/install.md"));
    rmSync(join(folder, "run"), { recursive: true, force: true });
    bench.run(folder, [nodeOf(bench, "22"), ...bundler.build], { env });
    check(bench.run(folder, [nodeOf(bench, "22"), bundler.output], { env }).stdout);
    return ["the configuration of docs/install.md"];
  });
} finally {
  if (values.keep) console.log(`left in ${bench.folder}`);
  else execFileSync("rm", ["-rf", bench.folder]); // Node takes a minute for it
}
process.exitCode = failures > 0 ? 1 : 0;
