import { existsSync } from "node:fs";
import { availableParallelism, release } from "node:os";
import { dirname } from "node:path";
import { McLossError } from "../errors.js";
import { addonCandidates } from "../addon/load.js";
import { hashSources, readBuildInfo, type BuildInfo } from "../addon/build-info.js";
import { prebuiltAddons } from "../addon/prebuilt.js";
import { runtimeVersion, scriptCommand } from "../addon/runtime.js";
import { countUsableGpus, whyNoCudaBuild } from "./cuda.js";
import { findLibtorch, type Tried } from "./find-libtorch.js";
import type { Libtorch } from "../addon/libtorch.js";
import { compiledFile } from "../package.js";
import { findPip } from "./python.js";
import { run, versionOf } from "./run.js";
import { PINNED, untested } from "../addon/versions.js";

const UNSET = "unset LIBTORCH";

/** What {@link diagnose} sees, as `mcloss doctor --json` prints it. */
export interface Diagnosis {
  system: { node: string; platform: string; cpus: number };
  /** What builds and downloads need; null where it is not installed. */
  tools: Record<"g++" | "make" | "cmake" | "pip" | "nvcc", string | null>;
  /** What would be built against, and where it was found; null where there is none. */
  libtorch: (Libtorch & { where: string; tested: boolean }) | null;
  /** What was passed over, and why. */
  tried: Tried[];
  /** The addons that there are; the first is loaded. `problem` says why one cannot be. */
  addons: {
    path: string;
    info: BuildInfo | null;
    problem: string | null;
    /** What decodes plain JPEGs: libjpeg, where its headers were there at build time, or sharp. */
    jpeg: "libjpeg" | "sharp" | null;
  }[];
  /** Whether CUDA can be used and, where not, why. */
  cuda: { available: boolean; reason: string };
  /** What keeps the package from working, each with the command that mends it; empty where all is in order. */
  problems: { problem: string; fix: string }[];
}

/** Looks at everything that setup and loading depend on. Changes nothing; a broken addon cannot crash it. */
export async function diagnose(): Promise<Diagnosis> {
  const problems: Diagnosis["problems"] = [];
  const { found, tried } = await findLibtorch().catch((error: unknown) => {
    if (!(error instanceof McLossError)) throw error;
    problems.push({ problem: error.message, fix: UNSET });
    return { found: undefined, tried: [] };
  });
  const tools = await findTools();
  const addons = await Promise.all(
    addonCandidates()
      .filter((path) => existsSync(path))
      .map(checkAddon),
  );
  for (const problem of findProblems(tools, addons)) problems.push(problem);
  // What $LIBTORCH is told to be is a problem of its own.
  if (!found && problems.every(({ fix }) => fix !== UNSET)) {
    const fix = `npx mcloss setup   (downloads LibTorch ${PINNED.version})`;
    problems.push({ problem: "no LibTorch on this machine", fix });
  }
  return {
    system: {
      node: runtimeVersion(),
      platform: `${process.platform}-${process.arch} ${release()}`,
      cpus: availableParallelism(),
    },
    tools,
    libtorch: found ? { ...found, tested: untested(found.version) === undefined } : null,
    tried,
    addons,
    cuda: await checkCuda(found, addons[0]),
    problems,
  };
}

async function findTools(): Promise<Diagnosis["tools"]> {
  const [gpp, make, cmake, nvcc] = await Promise.all(
    ["g++", "make", "cmake", "nvcc"].map((name) => versionOf(name)),
  );
  const python = await findPip();
  const pip = python === undefined ? undefined : await versionOf(python, ["-m", "pip", "--version"]);
  return {
    "g++": gpp ?? null,
    make: make ?? null,
    cmake: cmake ?? null,
    pip: pip ?? null,
    nvcc: nvcc ?? null,
  };
}

/** Loads the addon in a process of its own. */
async function checkAddon(path: string): Promise<Diagnosis["addons"][number]> {
  const { command, args, env } = scriptCommand(compiledFile("addon/try.js"), [path]);
  const { output, stdout } = await run(command, args, { env });
  const said = stdout.trim();
  const info = readBuildInfo(dirname(path)) ?? null;
  if (said === "libjpeg" || said === "sharp") return { path, info, problem: null, jpeg: said };
  return { path, info, problem: said || `crashes when it is loaded: ${output.trim()}`, jpeg: null };
}

function findProblems(tools: Diagnosis["tools"], addons: Diagnosis["addons"]): Diagnosis["problems"] {
  const problems: Diagnosis["problems"] = [];
  // Where an addon is there, or a prebuilt one, nothing has to be built.
  if (addons.length === 0 && (prebuiltAddons(hashSources()) ?? []).length === 0) {
    if (tools["g++"] === null) problems.push({ problem: "no C++ compiler", fix: "apt-get install g++" });
    if (tools.cmake === null) problems.push({ problem: "no CMake", fix: "apt-get install cmake make" });
  }
  for (const { path, problem } of addons) {
    if (problem === null) continue;
    // The loader's own advice, where it has some.
    const [fix = "npx mcloss setup --force"] =
      /npx mcloss setup.*/.exec(problem.split(", or see")[0] ?? "") ?? [];
    problems.push({ problem: `${path}: ${problem}`, fix });
  }
  if (addons.length === 0) problems.push({ problem: "the addon is not there", fix: "npx mcloss setup" });
  return problems;
}

async function checkCuda(
  libtorch: Libtorch | undefined,
  addon: Diagnosis["addons"][number] | undefined,
): Promise<Diagnosis["cuda"]> {
  const off = (reason: string) => ({ available: false, reason });
  if (!libtorch) return off("there is no LibTorch");
  if (addon?.info?.cuda == null) {
    const problem = await whyNoCudaBuild(libtorch, "cmake");
    return off(problem ?? "the addon is built without CUDA kernels: npx mcloss setup --cuda");
  }
  if (!existsSync("/dev/nvidia0")) return off("this machine has no NVIDIA GPU (there is no /dev/nvidia0)");
  if ((await countUsableGpus()) === 0)
    return off("LibTorch cannot use the GPU: is the driver as new as its CUDA? See nvidia-smi");
  return { available: true, reason: `kernels for CUDA ${addon.info.cuda}` };
}

/** For people. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const { system, tools, libtorch, tried, addons, cuda, problems } = diagnosis;
  const lines = [
    `node      ${system.node} on ${system.platform}, ${system.cpus} CPUs`,
    ...Object.entries(tools).map(([name, version]) => `${name.padEnd(9)} ${version ?? "not found"}`),
    libtorch
      ? `libtorch  ${libtorch.version} in ${libtorch.root} (${libtorch.where})`
      : "libtorch  not found",
    ...(libtorch && !libtorch.tested ? [`          ${untested(libtorch.version)}`] : []),
    ...tried.map(({ where, problem }) => `          passed over: ${where} ${problem}`),
    ...addons.map(({ path, info, problem }) => `addon     ${path} (${describeAddon(info, problem)})`),
    ...(addons[0]?.jpeg ? [`jpeg      ${describeJpeg(addons[0].jpeg, addons[0].info)}`] : []),
    `cuda      ${cuda.available ? `available: ${cuda.reason}` : `off: ${cuda.reason}`}`,
    "",
  ];
  if (problems.length === 0) return [...lines, "Everything is in order."].join("\n");
  return [...lines, ...problems.map(({ problem, fix }) => `✗ ${problem}\n  fix: ${fix}`)].join("\n");
}

function describeJpeg(decoder: "libjpeg" | "sharp", info: BuildInfo | null): string {
  if (decoder === "libjpeg") return "decoded with libjpeg-turbo";
  const fix =
    info?.buildSystem === "prebuilt"
      ? "libjpeg.so.62: apt-get install libjpeg62-turbo"
      : "libjpeg: apt-get install libjpeg-dev && npx mcloss setup --force";
  return `decoded with sharp; faster with ${fix}`;
}

function describeAddon(info: BuildInfo | null, problem: string | null): string {
  const how = info?.buildSystem === "prebuilt" ? "prebuilt" : `built by ${info?.buildSystem}`;
  const built = info ? `${how} for LibTorch ${info.torchVersion}` : "built by hand";
  return problem === null ? `${built}, loads` : `${built}, does not load`;
}
