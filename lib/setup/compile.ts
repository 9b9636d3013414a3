import { existsSync, rmSync, symlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { throwIfAborted } from "../abort.js";
import { BUILD_FOLDERS, IS_CHECKOUT, type BuildSystem } from "../addon/paths.js";
import type { Libtorch } from "../addon/libtorch.js";
import { McLossError } from "../errors.js";
import type { Reporter } from "../reporter.js";
import { run, versionOf } from "./run.js";
import { compiledFile, PACKAGE_ROOT, requireHere } from "../package.js";

export interface CompileOptions {
  libtorch: Libtorch;
  /** The CUDA version to build for, or null. */
  cuda: string | null;
  reporter: Reporter;
  /** Other variables of CMakeLists.txt. */
  definitions?: Readonly<Record<string, string>>;
  /** Shows the compiler's output. */
  verbose?: boolean;
  signal?: AbortSignal | undefined;
}

/** The compiler that a build takes, by the first line of what it says of its version. */
export async function compilerVersion(env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  const [command = "c++", ...args] = (env["CXX"] ?? "").trim().split(/\s+/).filter(Boolean);
  return (await versionOf(command, [...args, "--version"])) ?? null;
}

/** CMake where it is installed; a checkout has node-gyp as well. */
export async function defaultBuildSystem(): Promise<BuildSystem> {
  return IS_CHECKOUT && (await versionOf("cmake")) === undefined ? "gyp" : "cmake";
}

/** @throws McLossError ERR_BUILD that names what is missing and the command that installs it */
export async function checkTools(buildSystem: BuildSystem): Promise<void> {
  if (buildSystem === "gyp") {
    if (IS_CHECKOUT) return;
    throw new McLossError(
      "ERR_BUILD",
      "node-gyp builds in a checkout only; an installed package is built with CMake",
    );
  }
  const [ninja, make, cmake] = await Promise.all(["ninja", "make", "cmake"].map((name) => versionOf(name)));
  const missing = [
    ...((await compilerVersion()) === null ? ["g++"] : []),
    ...(ninja === undefined && make === undefined ? ["make"] : []),
    ...(cmake === undefined ? ["cmake"] : []),
  ];
  if (missing.length === 0) return;
  const text = `the addon must be built, as no prebuilt one fits, and that needs ${missing.join(" and ")}, which this machine lacks:
  apt-get install ${missing.join(" ")}`;
  throw new McLossError("ERR_BUILD", text);
}

/**
 * Builds with CMake in `folder`.
 * @returns where the addon is
 */
export async function compileWithCmake(folder: string, options: CompileOptions): Promise<string> {
  const { libtorch, cuda } = options;
  const definitions = {
    CMAKE_BUILD_TYPE: "Release",
    TORCH_ROOT: libtorch.root,
    MCLOSS_CUDA: cuda === null ? "OFF" : "ON",
    NODE_API_INCLUDE: nodeApiHeaders().join(";"),
    ...options.definitions,
  };
  const defined = Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`);
  const configure = ["-S", PACKAGE_ROOT, "-B", folder, ...(await generator(folder)), ...defined];
  const build = ["--build", folder, "--parallel", String(availableParallelism())];
  for (const args of [configure, build]) await step("cmake", "cmake", args, options);
  return join(folder, "Release");
}

/** Ninja where there is one, unless the folder or the environment has chosen. */
async function generator(folder: string): Promise<string[]> {
  const chosen = process.env["CMAKE_GENERATOR"] !== undefined || existsSync(join(folder, "CMakeCache.txt"));
  return !chosen && (await versionOf("ninja")) !== undefined ? ["-G", "Ninja"] : [];
}

/** The folders with node_api.h and napi.h: a package brings them in dist, a checkout has the packages that they are of. */
function nodeApiHeaders(): string[] {
  if (!IS_CHECKOUT) return [compiledFile("headers")];
  const { include_dir: nodeApi } = requireHere("node-api-headers") as { include_dir: string };
  return [nodeApi, dirname(requireHere.resolve("node-addon-api/package.json"))];
}

/**
 * Builds a checkout with node-gyp, for the CPU.
 * @returns where the addon is
 */
export async function compileWithGyp(options: CompileOptions): Promise<string> {
  // Headers that came with this Node; without them node-gyp would download some.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, "include", "node", "node_api.h")) ? [`--nodedir=${prefix}`] : [];
  const args = ["configure", "build", `--jobs=${availableParallelism()}`, ...headers];
  const nodeGyp = requireHere.resolve("node-gyp/bin/node-gyp.js");
  await step("gyp", process.execPath, [nodeGyp, ...args, `--torch_root=${options.libtorch.root}`], options);
  const link = join(BUILD_FOLDERS.gyp, "libtorch");
  rmSync(link, { force: true });
  symlinkSync(options.libtorch.root, link);
  return BUILD_FOLDERS.gyp;
}

async function step(
  buildSystem: BuildSystem,
  command: string,
  args: readonly string[],
  { reporter, verbose = false, signal }: CompileOptions,
): Promise<void> {
  const { code, output } = await run(command, args, {
    cwd: PACKAGE_ROOT,
    show: verbose,
    onOutput: (text) => reportProgress(text, reporter),
    signal,
  });
  throwIfAborted(signal, "the build");
  if (code !== 0) throw buildError(buildSystem, output);
}

/** Of "[3/14] Building …" and "[ 21%] Building …" the share that is done, in hundredths. */
function reportProgress(output: string, reporter: Reporter): void {
  const [, done, all, percent] = [...output.matchAll(/^\[ *(?:(\d+)\/(\d+)|(\d+)%)\]/gm)].at(-1) ?? [];
  if (percent !== undefined) reporter.update(Number(percent));
  else if (done !== undefined) reporter.update(Math.round((100 * Number(done)) / Number(all)));
}

function buildError(buildSystem: BuildSystem, output: string): McLossError {
  const lines = output.trimEnd().split("\n");
  const errors = lines.filter((line) => /error[: ]/i.test(line));
  const shown = (errors.length > 0 ? errors : lines).slice(-12).join("\n");
  const tools =
    buildSystem === "cmake"
      ? "g++ 11 or later, CMake 3.19 or later and make"
      : "g++ 11 or later, make and Python 3";
  const text = `the addon could not be built with ${buildSystem}:
${shown}
It needs ${tools}:
  apt-get install g++ make ${buildSystem === "cmake" ? "cmake" : "python3"}
"npx mcloss setup --force --verbose" shows everything; "npx mcloss doctor" what is missing.`;
  return new McLossError("ERR_BUILD", text);
}
