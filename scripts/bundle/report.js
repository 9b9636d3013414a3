// What run.sh starts: builds, tests and measures, and keeps results/report.json up to date after each step, so that a job
// that is killed half-way leaves what it had.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hashSources, writeBuildInfo } from "#lib/addon/build-info.js";
import { findLibtorch } from "#lib/setup/find-libtorch.js";
import { BUILD_FOLDERS } from "#lib/addon/paths.js";
import { PACKAGE_ROOT } from "#lib/package.js";
import { findTorchPackage } from "#lib/setup/python.js";
import { run, versionOf } from "#lib/setup/run.js";
import { makePage } from "./page.js";
import { SUPPORTED_TEXT } from "#lib/addon/versions.js";

const require = createRequire(import.meta.url);
/** `./run.sh gpu`: what a GPU would feel and nothing else, in about ten minutes. */
const QUICK = process.argv[2] === "gpu";
const BENCHES = (process.env.MCLOSS_BENCHES ?? "op,train,data").split(",");
/** Tests of the kernels and of what runs on them; each has a reference in float64. */
const KERNEL_TESTS = "test/{loss/*,image/pixels-to-tensor,train/cuda-graph,train/devices}.test.js";
const REPORT = join(PACKAGE_ROOT, "results", "report.json");
const report = { package: require("../../package.json").version, started: new Date(), passed: false };

function save(part) {
  Object.assign(report, part);
  writeFileSync(REPORT, `${JSON.stringify(report, null, 2)}\n`);
}

/** In ms: a step that hangs leaves time for the others. */
const STEP_LIMIT = QUICK ? 180_000 : 3_600_000;

/** Runs a step of the report in the package's folder, shown in the log. */
async function step(name, command, ...args) {
  console.log(`\n== ${name}`);
  const started = performance.now();
  const options = { cwd: PACKAGE_ROOT, show: true, timeout: STEP_LIMIT };
  const { code, output, stdout } = await run(command, args, options);
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  console.log(`== ${name}: ${code === 0 ? "done" : `failed with code ${code}`} in ${seconds} s`);
  return { code, seconds, output, stdout };
}

/** As CMake chooses. */
async function findCompiler() {
  const { CXX } = process.env;
  return CXX ? versionOf(CXX) : ((await versionOf("c++")) ?? (await versionOf("g++")));
}

async function findTools() {
  const nvcc = await run("nvcc", ["--version"]);
  const smi = await run("nvidia-smi", [
    "--query-gpu=name,driver_version,memory.total",
    "--format=csv,noheader",
  ]);
  return {
    compiler: (await findCompiler()) ?? null,
    cmake: (await versionOf("cmake")) ?? null,
    ninja: (await versionOf("ninja")) ?? null,
    make: (await versionOf("make")) ?? null,
    python: (await versionOf("python3")) ?? null,
    nvcc: nvcc.code === 0 ? (/release .*/.exec(nvcc.stdout)?.[0] ?? nvcc.stdout.trim()) : null,
    sanitizer: (await versionOf("compute-sanitizer")) ?? null,
    devices: smi.code === 0 ? smi.stdout.trim().split("\n") : [],
  };
}

async function findTorch() {
  try {
    const { found, tried } = await findLibtorch();
    return { found, problem: tried.map(({ where, problem }) => `\n    ${where} ${problem}`).join("") };
  } catch (error) {
    return { problem: ` ${error.message}` };
  }
}

/** What must be installed before this can work, in words. */
function findMissing(tools, torch) {
  const missing = [];
  if (!torch.found) {
    const help = `Activate the environment that has it, or set LIBTORCH to its folder. Looked at:${torch.problem}`;
    missing.push(`PyTorch ${SUPPORTED_TEXT} is missing. ${help}`);
  }
  if (!tools.compiler) missing.push("A C++ compiler is missing: g++ 11 or later (or set CXX).");
  if (!tools.cmake) missing.push("CMake is missing: 3.19 or later.");
  if (!tools.ninja && !tools.make) missing.push("ninja is missing, and so is make: either will do.");
  return missing;
}

async function build({ root, version, cuda: cudaVersion }, tools, cuda) {
  const headers = [
    require("node-api-headers").include_dir,
    dirname(require.resolve("node-addon-api/package.json")),
  ];
  const folder = dirname(BUILD_FOLDERS.cmake);
  rmSync(folder, { recursive: true, force: true });
  const options = [
    ...(tools.ninja ? ["-G", "Ninja"] : []),
    `-DTORCH_ROOT=${root}`,
    `-DNODE_API_INCLUDE=${headers.join(";")}`,
    ...(cuda ? ["-DMCLOSS_CUDA=ON"] : []),
  ];
  const { code, seconds, output } = await step("configure", "cmake", "-S", ".", "-B", folder, ...options);
  if (code !== 0) return { code, seconds, output };
  const jobs = String(availableParallelism());
  const built = await step("build", "cmake", "--build", folder, "--parallel", jobs);
  if (built.code === 0) {
    const info = {
      torchVersion: version,
      torchRoot: root,
      cuda: cuda ? cudaVersion : null,
      buildSystem: "cmake",
      compiler: tools.compiler,
      sources: hashSources(),
    };
    writeBuildInfo(BUILD_FOLDERS.cmake, info);
  }
  return { code: built.code, seconds: built.seconds, output: output + built.output };
}

async function test() {
  const folder = mkdtempSync(join(tmpdir(), "mcloss-"));
  const file = join(folder, "tests.json");
  const reporter = ["--reporter", "scripts/bundle/mocha-reporter.js", "--reporter-option", `output=${file}`];
  // The first use of a GPU may take longer than a test otherwise should.
  const tests = process.env.MCLOSS_TESTS ?? (QUICK ? KERNEL_TESTS : "test/**/*.test.js");
  const options = ["--expose-gc", "--timeout", "120000", "--no-color", ...reporter, tests];
  const { code, seconds, output } = await step(
    "test",
    process.execPath,
    require.resolve("mocha/bin/mocha.js"),
    ...options,
  );
  const told = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  rmSync(folder, { recursive: true });
  if (!told) return { code, seconds, stats: null, crashed: output.slice(-4000) };
  const failures = told.failures.map(({ fullTitle, file, err }) => ({ fullTitle, file, err }));
  const skipped = told.pending.map(({ fullTitle }) => fullTitle);
  return { code, seconds, stats: told.stats, failures, skipped };
}

/** A benchmark of the repository, with PyTorch beside it where there is one: with LIBTORCH there may be none. */
async function bench(name, device, ...options) {
  const rounds = process.env.MCLOSS_BENCH_ROUNDS ?? (QUICK ? "5" : "20");
  const python = typeof (await findTorchPackage("python3")) === "string" ? ["--python", "python3"] : [];
  const args = [`bench/${name}.js`, "--json", ...python, "--rounds", rounds, ...options];
  const { code, seconds, output, stdout } = await step(
    `bench ${name} on ${device}`,
    process.execPath,
    ...args,
  );
  return {
    name,
    device,
    code,
    seconds,
    ...(code === 0 ? JSON.parse(stdout) : { output: output.slice(-4000) }),
  };
}

/** The smallest shapes through every kernel beside float64; with a `tool` of compute-sanitizer, under that. */
async function checkSmallest(device, tool) {
  const script = [process.execPath, "scripts/bundle/smallest.js", device];
  const [command, ...args] = tool
    ? ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", "--target-processes", "all", ...script]
    : script;
  const name = `smallest shapes on ${device}${tool ? ` under ${tool}` : ""}`;
  const { code, seconds, output } = await step(name, command, ...args);
  return { device, tool: tool ?? null, code, seconds, output: output.slice(-4000) };
}

/** Each step's result is kept as soon as it is there. */
async function measure(device) {
  const add = (key, value) => save({ [key]: [...(report[key] ?? []), value] });
  add("smallest", await checkSmallest(device));
  if (device === "cuda" && report.versions.sanitizer) {
    for (const tool of ["memcheck", "racecheck"]) add("smallest", await checkSmallest(device, tool));
  }
  if (BENCHES.includes("op")) add("bench", await bench("op", device, "--device", device));
  // A CPU trains for minutes what a GPU does in seconds.
  const small = device === "cpu" ? ["--network", "demo", "--precision", "float32", "--no-compile"] : [];
  if (BENCHES.includes("train")) add("bench", await bench("train", device, "--device", device, ...small));
}

/** The loader beside torchvision's, on images that are made here. */
async function measureLoader() {
  const folder = mkdtempSync(join(tmpdir(), "mcloss-"));
  try {
    const made = await step(
      "images for the loader",
      process.execPath,
      "bench/predict/write-jpegs.js",
      folder,
      "128",
    );
    if (made.code !== 0) return;
    const row = await bench("data", "cpu", "--images", folder, "--no-train");
    save({ bench: [...(report.bench ?? []), row] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function canUseCuda() {
  const source = 'import { cuda } from "mutual-channel-loss"; console.log(cuda.isAvailable())';
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", source], {
    cwd: PACKAGE_ROOT,
  });
  return stdout.trim() === "true";
}

async function main() {
  const tools = await findTools();
  const torch = await findTorch();
  const missing = findMissing(tools, torch);
  const cuda = Boolean(torch.found?.cuda && tools.nvcc);
  save({
    versions: { node: process.version, torch: torch.found ?? null, ...tools },
    cuda: { built: cuda },
    missing,
  });
  console.log(JSON.stringify(report.versions, null, 2));
  if (missing.length > 0) {
    console.log(`\nThis machine lacks what the build needs:\n- ${missing.join("\n- ")}`);
    return;
  }
  console.log(cuda ? "\nCUDA is on." : "\nCUDA is off: it takes nvcc and a PyTorch that is built for CUDA.");

  const built = await build(torch.found, tools, cuda);
  save({ build: built });
  if (built.code !== 0) return;
  save({ cuda: { built: cuda, available: await canUseCuda() } });

  save({ tests: await test() });
  save({ passed: report.tests.code === 0 });

  // What there is to see on a GPU comes first.
  if (report.cuda.available) await measure("cuda");
  if (!QUICK || !report.cuda.available) await measure("cpu");
  if (BENCHES.includes("data")) await measureLoader();
}

await main();
save({ ended: new Date() });
const { tests, bench: benches = [] } = report;
const counts = tests?.stats
  ? `${tests.stats.passes} passed, ${tests.stats.failures} failed`
  : "no test results";
const measured = benches.map(
  ({ name, device, code }) => `bench ${name} on ${device} ${code === 0 ? "done" : "failed"}`,
);
const { smallest = [] } = report;
report.passed &&= smallest.every(({ code }) => code === 0);
save({});
writeFileSync(join(PACKAGE_ROOT, "results", "page.html"), makePage(report));
console.log(`\n${[counts, ...measured].join("; ")}`);
console.log(
  `${report.passed ? "Passed" : "NOT passed"}; results/page.html shows it, and everything is in results/report.json and results/run.log.`,
);
process.exitCode = report.passed ? 0 : 1;
