import { dirname, join, resolve } from "node:path";
import { isMainThread } from "node:worker_threads";
import { McLossError } from "../errors.js";
import { requireHere } from "../package.js";
import { reasonOf } from "../system-error.js";
import { currentAddons, storeOf } from "./addon-store.js";
import { hashSources, readBuildInfo, type BuildInfo } from "./build-info.js";
import { cachedLibtorchs, inspectLibtorch, libtorchVersion, type Libtorch } from "./libtorch.js";
import { ADDON_FILE, BUILD_FOLDERS, cacheFolders, IS_CHECKOUT, whyNot } from "./paths.js";
import { adoptAddon, fitting, PLATFORM_PACKAGE, prebuiltAddons } from "./prebuilt.js";
import { minorVersion } from "./versions.js";

interface Versioned {
  torchVersion(): { compiled: string; runtime: string };
}

/** A prebuilt one may do, for which --force would want a compiler. */
const SET_UP_AGAIN = "Set it up again: npx mcloss setup";
const REBUILD = `${SET_UP_AGAIN} --force`;

/**
 * Where the addon may be, as far as it was built or adopted on this machine: the first whose LibTorch is there is loaded. In a
 * checkout one of the sources as they are comes before one of what they were.
 */
export function addonCandidates(env: NodeJS.ProcessEnv = process.env): string[] {
  const given = env["MCLOSS_ADDON"];
  if (given) return [resolve(given)];
  const built = IS_CHECKOUT ? Object.values(BUILD_FOLDERS) : [];
  const current = currentAddons(env).map(({ folder }) => folder);
  return [...new Set([...current, ...built])].map((folder) => join(folder, ADDON_FILE));
}

/**
 * Loads the addon and checks that LibTorch is the one it was built against.
 * @param candidates default: $MCLOSS_ADDON, else those built here, else a prebuilt one
 * @throws McLossError ERR_ADDON_MISSING that lists what was looked for, or ERR_LIBTORCH_MISMATCH naming both versions
 */
export function loadAddon(candidates?: readonly string[]): unknown {
  const there = (candidates ?? addonCandidates()).filter((path) => whyNot(path) === undefined);
  // Where the LibTorch of each has changed, loading the first says how.
  const path = there.find(isIntact) ?? (candidates ? undefined : adoptPrebuilt()) ?? there[0];
  if (path === undefined) throw nothingFound(candidates);
  const recorded = readBuildInfo(dirname(path));
  checkLibtorch(path, recorded);
  // libgomp's spinning threads slow training 25 to 200 times when anything else runs; it reads this once, at load.
  if (isMainThread) process.env["OMP_WAIT_POLICY"] ??= "PASSIVE";
  const addon = open(path);
  const { compiled, runtime } = addon.torchVersion();
  if (minorVersion(compiled) !== minorVersion(runtime)) throw mismatch(path, compiled, runtime, REBUILD);
  if (recorded && minorVersion(recorded.torchVersion) !== minorVersion(compiled)) {
    throw mismatch(path, compiled, recorded.torchVersion, REBUILD);
  }
  return addon;
}

/** Whether the LibTorch that an addon is used with is as it was. */
function isIntact(path: string): boolean {
  const info = readBuildInfo(dirname(path));
  return info === undefined || libtorchVersion(info.torchRoot) === info.torchVersion;
}

/** A prebuilt addon with a LibTorch that is found without asking other programs. */
function adoptPrebuilt(): string | undefined {
  if (process.env["MCLOSS_ADDON"]) return undefined;
  const addons = prebuiltAddons(hashSources()) ?? [];
  for (const libtorch of addons.length > 0 ? nearLibtorchs() : []) {
    for (const addon of fitting(addons, libtorch)) {
      const adopted = adoptAddon(addon, libtorch);
      if (typeof adopted === "string") return adopted;
    }
  }
  return undefined;
}

function nearLibtorchs(): Libtorch[] {
  const given = process.env["LIBTORCH"];
  return (given ? [resolve(given)] : cachedLibtorchs())
    .map(inspectLibtorch)
    .filter((seen): seen is Libtorch => "root" in seen);
}

/** Lists what was looked for, and the one command that helps. */
function nothingFound(candidates: readonly string[] | undefined): McLossError {
  const looked = candidates ? candidates.map(lookedAt) : listLookups();
  const text = `the native addon is not there. Looked for, in this order:
${looked.map((line) => `  - ${line}`).join("\n")}
Run: npx mcloss setup`;
  return new McLossError("ERR_ADDON_MISSING", text);
}

function lookedAt(path: string): string {
  return `${path}: ${whyNot(path) ?? "is there"}`;
}

function listLookups(): string[] {
  const given = process.env["MCLOSS_ADDON"];
  if (given) return [`$MCLOSS_ADDON ${lookedAt(resolve(given))}`];
  const built = IS_CHECKOUT ? addonCandidates().map(lookedAt) : cacheFolders().map(lookedIn);
  return ["$MCLOSS_ADDON is not set", ...built, lookedForPrebuilt()];
}

function lookedIn(cache: string): string {
  const store = storeOf(cache);
  return `an addon of this version in ${store}: ${whyNot(store) ?? "has none that loads"}`;
}

function lookedForPrebuilt(): string {
  const addons = prebuiltAddons(hashSources());
  const name = `a prebuilt one in ${PLATFORM_PACKAGE}`;
  if (!addons) return `${name}: is not installed`;
  if (addons.length === 0) return `${name}: is of another version of this package`;
  const minors = [...new Set(addons.map(({ info }) => minorVersion(info.torchVersion)))].join(", ");
  const libtorchs = nearLibtorchs();
  if (libtorchs.length === 0) return `${name}: there is no LibTorch in $LIBTORCH or the cache`;
  const tried = libtorchs.flatMap((libtorch) =>
    fitting(addons, libtorch).map((addon) => adoptAddon(addon, libtorch)),
  );
  const problem = tried.find((result) => typeof result !== "string");
  if (problem) return `${name}: ${problem.problem}`;
  return `${name}: is for LibTorch ${minors}, here is ${libtorchs.map(({ version }) => version).join(", ")}`;
}

/** Before anything is loaded: is the LibTorch that it was built against still there, in the same version? */
function checkLibtorch(path: string, info: BuildInfo | undefined): void {
  if (!info) return;
  const found = libtorchVersion(info.torchRoot);
  if (found === info.torchVersion) return;
  if (found !== undefined) throw mismatch(path, info.torchVersion, found, SET_UP_AGAIN);
  const reason = whyNot(join(info.torchRoot, "lib", "libtorch_cpu.so")) ?? "no version is named there";
  const text = `LibTorch ${info.torchVersion}, with which the addon ${path} is used, cannot be read in ${info.torchRoot}: ${reason}. ${SET_UP_AGAIN}`;
  throw new McLossError("ERR_LIBTORCH_MISMATCH", text, { path: info.torchRoot });
}

function open(path: string): Versioned {
  try {
    return requireHere(path) as Versioned;
  } catch (cause) {
    const text = `the native addon ${path} cannot be loaded: ${reasonOf(cause)}. ${REBUILD}, or see: npx mcloss doctor`;
    throw new McLossError("ERR_ADDON_MISSING", text, { path, cause });
  }
}

function mismatch(path: string, built: string, found: string, advice: string): McLossError {
  const text = `the native addon was built against LibTorch ${built}, but LibTorch ${found} was found. ${advice}`;
  return new McLossError("ERR_LIBTORCH_MISMATCH", text, { path });
}
