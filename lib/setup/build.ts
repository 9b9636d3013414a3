import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { throwIfAborted } from "../abort.js";
import { McLossError } from "../errors.js";
import { hashSources, readBuildInfo, writeBuildInfo, type BuildInfo } from "../addon/build-info.js";
import { libtorchVersion, type Libtorch } from "../addon/libtorch.js";
import { whyNoCudaBuild } from "./cuda.js";
import { ADDON_FILE, BUILD_FOLDERS, PACKAGE_ROOT, type BuildSystem } from "../addon/paths.js";
import { provideLibtorch } from "./provide-libtorch.js";
import { silentReporter, type Reporter } from "./reporter.js";
import { run, versionOf } from "./run.js";

export interface SetupOptions {
  /** Default: CMake where it is installed, otherwise node-gyp. */
  buildSystem?: BuildSystem;
  /** Builds the CUDA kernels too, or fails saying why not. Default: where LibTorch is one for CUDA and nvcc is found. */
  cuda?: boolean;
  /** Builds even where nothing changed. */
  force?: boolean;
  /** Shows the compiler's output. */
  verbose?: boolean;
  reporter?: Reporter;
  signal?: AbortSignal;
}

export interface SetupResult extends BuildInfo {
  addon: string;
  /** False where the addon was there and nothing had changed. */
  built: boolean;
  seconds: number;
}

const require = createRequire(import.meta.url);

/**
 * Finds or downloads LibTorch and builds the addon, unless that has been done and nothing has changed since.
 * @throws McLossError ERR_LIBTORCH_MISSING, or ERR_BUILD with the compiler's last lines or why there can be no CUDA
 */
export async function setup(options: SetupOptions = {}): Promise<SetupResult> {
  const { reporter = silentReporter, signal } = options;
  const started = performance.now();
  const buildSystem = options.buildSystem ?? ((await versionOf("cmake")) === undefined ? "gyp" : "cmake");
  const folder = BUILD_FOLDERS[buildSystem];
  const addon = join(folder, ADDON_FILE);
  const sources = hashSources();
  const known = options.force ? undefined : currentBuild(folder, sources);
  if (known && !(options.cuda && known.cuda === null)) return { ...known, addon, built: false, seconds: 0 };

  const libtorch = await provideLibtorch({
    reporter,
    cuda: options.cuda ?? false,
    ...(signal ? { signal } : {}),
  });
  throwIfAborted(signal, "the setup");
  reporter.line(`LibTorch ${libtorch.version} in ${libtorch.root}`);
  const cuda = await cudaOf(libtorch, buildSystem, options);
  const what = cuda === null ? "(a minute or two)" : `for CUDA ${cuda} (about three minutes)`;
  reporter.start(`building the addon with ${buildSystem} ${what}`);
  await compile(buildSystem, libtorch, cuda, options);
  const info: BuildInfo = {
    torchVersion: libtorch.version,
    torchRoot: libtorch.root,
    cuda,
    buildSystem,
    sources,
  };
  writeBuildInfo(folder, info);
  const seconds = (performance.now() - started) / 1000;
  reporter.line(`built ${addon} in ${seconds.toFixed(0)} s`);
  return { ...info, addon, built: true, seconds };
}

/** The CUDA version to build for, or null. */
async function cudaOf(
  libtorch: Libtorch,
  buildSystem: BuildSystem,
  options: SetupOptions,
): Promise<string | null> {
  if (options.cuda === false) return null;
  const problem = await whyNoCudaBuild(libtorch, buildSystem);
  if (problem === undefined) return libtorch.cuda;
  if (options.cuda) throw new McLossError("ERR_BUILD", `the CUDA kernels cannot be built: ${problem}`);
  return null;
}

/** The build in `folder`, where it is of these sources and its LibTorch is still what it was built against. */
function currentBuild(folder: string, sources: string): BuildInfo | undefined {
  if (!existsSync(join(folder, ADDON_FILE))) return undefined;
  const info = readBuildInfo(folder);
  if (info?.sources !== sources) return undefined;
  const given = process.env["LIBTORCH"];
  if (given && !info.torchRoot.startsWith(given)) return undefined;
  return libtorchVersion(info.torchRoot) === info.torchVersion ? info : undefined;
}

async function compile(
  buildSystem: BuildSystem,
  libtorch: Libtorch,
  cuda: string | null,
  options: SetupOptions,
): Promise<void> {
  const commands = buildSystem === "cmake" ? cmakeCommands(libtorch, cuda) : [gypArguments(libtorch)];
  const { verbose = false, signal } = options;
  for (const args of commands) {
    const { code, output } = await run(process.execPath, args, {
      cwd: PACKAGE_ROOT,
      show: verbose,
      ...(signal ? { signal } : {}),
    });
    throwIfAborted(signal, "the build");
    if (code !== 0) throw buildError(buildSystem, output);
  }
}

/** Configures by itself as well: `cmake-js build` would leave a folder as it was once configured for another LibTorch. */
function cmakeCommands(libtorch: Libtorch, cuda: string | null): string[][] {
  const cmakeJs = binOf("cmake-js", "cmake-js");
  const definitions = [`--CDTORCH_ROOT=${libtorch.root}`, `--CDMCLOSS_CUDA=${cuda === null ? "OFF" : "ON"}`];
  const where = ["--out", "build/cmake", "--config", "Release", ...definitions];
  const parallel = ["--parallel", String(availableParallelism())];
  return [
    [cmakeJs, "configure", ...where],
    [cmakeJs, "build", ...parallel, ...where],
  ];
}

function gypArguments(libtorch: Libtorch): string[] {
  // Headers that came with this Node; without them node-gyp would download some.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, "include", "node", "node_api.h")) ? [`--nodedir=${prefix}`] : [];
  const jobs = `--jobs=${availableParallelism()}`;
  return [
    binOf("node-gyp", "node-gyp"),
    "configure",
    "build",
    jobs,
    ...headers,
    `--torch_root=${libtorch.root}`,
  ];
}

/** The script behind a dependency's command. */
function binOf(packageName: string, command: string): string {
  const file = require.resolve(`${packageName}/package.json`);
  const { bin } = require(file) as { bin: string | Record<string, string> };
  return join(dirname(file), typeof bin === "string" ? bin : (bin[command] ?? ""));
}

function buildError(buildSystem: BuildSystem, output: string): McLossError {
  const lines = output.trimEnd().split("\n");
  const errors = lines.filter((line) => /error[: ]/i.test(line));
  const shown = (errors.length > 0 ? errors : lines).slice(-12).join("\n");
  const text = `the addon could not be built with ${buildSystem}:
${shown}
It needs g++ 11 or later with make, and CMake 3.19 or later unless --build-system gyp is given:
  apt-get install g++ make cmake
"npx mcloss setup --force --verbose" shows everything; "npx mcloss doctor" what is missing.`;
  return new McLossError("ERR_BUILD", text);
}
