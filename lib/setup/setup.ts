import { z } from "zod";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { throwIfAborted } from "../abort.js";
import { currentAddons, storeAddon, storeOf } from "../addon/addon-store.js";
import { hashSources, readBuildInfo, writeBuildInfo, type BuildInfo } from "../addon/build-info.js";
import { libtorchVersion, type Libtorch } from "../addon/libtorch.js";
import { ADDON_FILE, BUILD_FOLDERS, cacheFolder, IS_CHECKOUT, type BuildSystem } from "../addon/paths.js";
import { fitting, PLATFORM_PACKAGE, prebuiltAddons, type Prebuilt } from "../addon/prebuilt.js";
import { McLossError } from "../errors.js";
import { adoptAside } from "./adopt-aside.js";
import {
  checkTools,
  compilerVersion,
  compileWithCmake,
  compileWithGyp,
  defaultBuildSystem,
} from "./compile.js";
import { hasGpu, whyNoCudaBuild } from "./cuda.js";
import { withLock } from "../io/process-lock.js";
import { makeFolder } from "../make-folder.js";
import { isRecord } from "../plain-data.js";
import { abortShape, flag, like, optionsOf, parseOptions, text } from "../schema.js";
import { provideLibtorch } from "./provide-libtorch.js";
import { silentReporter, type Reporter } from "../reporter.js";
import { PACKAGE_ROOT } from "../package.js";

/** Options of {@link setup}. */
export interface SetupOptions {
  /** Builds with it rather than take a prebuilt addon. Default: CMake; in a checkout without CMake node-gyp. */
  buildSystem?: BuildSystem;
  /** Takes or builds the CUDA kernels too, or fails saying why not. Default: where LibTorch is one for CUDA and they can be had. */
  cuda?: boolean;
  /** A wheel of PyTorch or an archive of LibTorch to unpack into the cache and use. Default: looks for a LibTorch, or downloads one. */
  fromFile?: string;
  /** Builds even where nothing changed, or a prebuilt addon would do. */
  force?: boolean;
  /** Shows the compiler's output. */
  verbose?: boolean;
  /** Told what is done. Default: nobody. */
  reporter?: Reporter;
  /** Ends the download or the compiler, with ERR_ABORTED. */
  signal?: AbortSignal;
}

/** What {@link setup} came to, as `mcloss setup --json` prints it. */
export interface SetupResult extends BuildInfo {
  /** The path of the addon, which is loaded from there. */
  addon: string;
  /** False where the addon was there, or a prebuilt one was taken. */
  built: boolean;
  seconds: number;
}

const schema = optionsOf<SetupOptions>({
  ...abortShape,
  buildSystem: z.enum(["cmake", "gyp"]).optional(),
  cuda: flag.optional(),
  force: flag.optional(),
  fromFile: text.optional(),
  verbose: flag.optional(),
  reporter: like<Reporter>("a reporter with start, update, stop and line", isRecord).optional(),
});

/** What a setup is about. */
interface Task extends SetupOptions {
  reporter: Reporter;
  sources: string;
  /** The LibTorch that must be used, once that is known. */
  torchRoot?: string;
}

/**
 * Finds or downloads LibTorch, and takes the prebuilt addon that fits it or builds one, unless that has been done and
 * nothing has changed since. An installed package keeps its addon in the cache, for all projects; a checkout what it builds in build/.
 * @throws McLossError ERR_ARGUMENT naming an option, ERR_LIBTORCH_MISSING, ERR_IO where the cache cannot be written, or ERR_BUILD with the compiler's
 * last lines, what is missing, or why there can be no CUDA
 */
export async function setup(given: SetupOptions = {}): Promise<SetupResult> {
  const started = performance.now();
  const options = parseOptions(schema, given);
  const { reporter = silentReporter } = options;
  const system = options.buildSystem ?? (IS_CHECKOUT ? await defaultBuildSystem() : "cmake");
  const task: Task = { ...options, reporter, sources: hashSources(system) };
  const seconds = () => (performance.now() - started) / 1000;
  try {
    const known = task.fromFile === undefined ? await findCurrent(task) : undefined;
    if (known) {
      reporter.line(`nothing to do: ${describe(known)} is there already (--force builds it anew)`);
      return { ...known, built: false, seconds: seconds() };
    }
    const result = await withLock(lockPath(), { ...task, work: "setup" }, async () => {
      // Another process may have done it meanwhile.
      const made = task.fromFile === undefined ? await findCurrent(task) : undefined;
      return made ? { ...made, built: false } : provide(task);
    });
    reporter.line(`ready after ${seconds().toFixed(seconds() < 10 ? 1 : 0)} s: ${describe(result)}`);
    return { ...result, seconds: seconds() };
  } finally {
    reporter.stop();
  }
}

type Provided = Omit<SetupResult, "seconds">;

function describe({ addon, buildSystem, torchVersion, cuda }: Omit<Provided, "built">): string {
  const how = buildSystem === "prebuilt" ? `from ${PLATFORM_PACKAGE}` : `built with ${buildSystem}`;
  return `the addon ${addon}, ${how}, for LibTorch ${torchVersion}${cuda === null ? "" : " with CUDA kernels"}`;
}

/** Where the addon is to be: one setup at a time. */
function lockPath(): string {
  return join(IS_CHECKOUT ? join(PACKAGE_ROOT, "build") : cacheFolder(), "setup.lock");
}

/** The addon that a load would take, where it is what is asked for. */
async function findCurrent(task: Task): Promise<Omit<Provided, "built"> | undefined> {
  if (task.force) return undefined;
  const compiler = process.env["CXX"] ? await compilerVersion() : undefined;
  for (const { folder, info } of currentAddons()) {
    if (!isAskedFor(info, task)) continue;
    if (compiler !== undefined && info.buildSystem !== "prebuilt" && info.compiler !== compiler) continue;
    if (libtorchVersion(info.torchRoot) === info.torchVersion)
      return { ...info, addon: join(folder, ADDON_FILE) };
  }
  return undefined;
}

function isAskedFor(info: BuildInfo, { buildSystem, cuda, torchRoot }: Task): boolean {
  if (torchRoot !== undefined) return info.torchRoot === torchRoot;
  const given = process.env["LIBTORCH"];
  if (given && ![resolve(given), resolve(given, "torch")].includes(info.torchRoot)) return false;
  if (buildSystem && info.buildSystem !== buildSystem) return false;
  if (cuda !== undefined) return (info.cuda !== null) === cuda;
  // There may be a LibTorch for CUDA by now.
  return info.cuda !== null || !hasGpu() || Boolean(given);
}

async function provide(task: Task): Promise<Provided> {
  const { reporter, signal } = task;
  const prebuilt = task.force || task.buildSystem ? [] : (prebuiltAddons(hashSources()) ?? []);
  const buildSystem = task.buildSystem ?? (await defaultBuildSystem());
  // Before anything is downloaded.
  if (prebuilt.length === 0) await checkTools(buildSystem);
  const libtorch = await provideLibtorch({
    reporter,
    fromFile: task.fromFile,
    cuda: task.cuda,
    signal,
  });
  throwIfAborted(signal, "the setup");
  const made =
    task.fromFile === undefined ? undefined : await findCurrent({ ...task, torchRoot: libtorch.root });
  if (made) return { ...made, built: false };
  const problem = await whyNoCudaBuild(libtorch, buildSystem);
  const cuda = problem === undefined && task.cuda !== false ? libtorch.cuda : null;
  const adopted = await adopt(task, libtorch, prebuilt, cuda);
  if (adopted) return adopted;
  if (task.cuda && problem)
    throw new McLossError("ERR_BUILD", `the CUDA kernels cannot be built: ${problem}`);
  return build(task, libtorch, buildSystem, cuda);
}

/** A prebuilt addon, unless only a build has the kernels that can be had. */
async function adopt(
  { reporter, cuda: wished }: Task,
  libtorch: Libtorch,
  addons: readonly Prebuilt[],
  buildable: string | null,
): Promise<Provided | undefined> {
  for (const addon of fitting(addons, libtorch)) {
    const { cuda, torchVersion } = addon.info;
    if (cuda === null ? buildable !== null || wished : wished === false) continue;
    reporter.start(`trying the prebuilt addon for LibTorch ${torchVersion}`);
    const adopted = await adoptAside(addon, libtorch);
    const info = typeof adopted === "string" ? readBuildInfo(dirname(adopted)) : undefined;
    if (typeof adopted === "string" && info) return { ...info, addon: adopted, built: false };
    reporter.line(
      `the prebuilt addon is not taken: ${typeof adopted === "string" ? "it is gone" : adopted.problem}`,
    );
  }
  return undefined;
}

async function build(
  task: Task,
  libtorch: Libtorch,
  buildSystem: BuildSystem,
  cuda: string | null,
): Promise<Provided> {
  const { reporter, sources, verbose, signal } = task;
  await checkTools(buildSystem);
  const what = cuda === null ? "(a minute or two)" : `for CUDA ${cuda} (about three minutes)`;
  reporter.start(`building the addon with ${buildSystem} ${what}`, 100);
  const options = { libtorch, cuda, reporter, signal, verbose };
  const info: BuildInfo = {
    torchVersion: libtorch.version,
    torchRoot: libtorch.root,
    cuda,
    buildSystem,
    compiler: await compilerVersion(),
    sources,
  };
  if (!IS_CHECKOUT) return { ...info, addon: await buildInCache(info, options), built: true };
  const folder =
    buildSystem === "gyp"
      ? await compileWithGyp(options)
      : await compileWithCmake(dirname(BUILD_FOLDERS.cmake), options);
  writeBuildInfo(folder, info);
  return { ...info, addon: join(folder, ADDON_FILE), built: true };
}

async function buildInCache(
  info: BuildInfo,
  options: Parameters<typeof compileWithCmake>[1],
): Promise<string> {
  const store = storeOf(cacheFolder());
  await makeFolder(store);
  const folder = await mkdtemp(join(store, ".new-build-"));
  try {
    return storeAddon(await compileWithCmake(folder, options), info, { replace: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
