import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { isMainThread } from "node:worker_threads";
import { McLossError } from "../errors.js";
import { readBuildInfo, type BuildInfo } from "./build-info.js";
import { libtorchVersion } from "./libtorch.js";
import { ADDON_FILE, BUILD_FOLDERS } from "./paths.js";
import { baseVersion } from "./versions.js";
import { reasonOf } from "../system-error.js";

interface Versioned {
  torchVersion(): { compiled: string; runtime: string };
}

const REBUILD = "Build it again: npx mcloss setup --force";

/** Where the addon may be; the first that exists is loaded. */
export function addonCandidates(env: NodeJS.ProcessEnv = process.env): string[] {
  const given = env["MCLOSS_ADDON"];
  const built = Object.values(BUILD_FOLDERS).map((folder) => join(folder, ADDON_FILE));
  return given ? [resolve(given)] : built;
}

/**
 * Loads the addon and checks that LibTorch is the one it was built against.
 * @throws McLossError ERR_ADDON_MISSING, or ERR_LIBTORCH_MISMATCH naming both versions
 */
export function loadAddon(candidates = addonCandidates()): unknown {
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    const text = `the native addon is not built (looked for ${candidates.join(", ")}). Run: npx mcloss setup`;
    throw new McLossError("ERR_ADDON_MISSING", text);
  }
  const recorded = readBuildInfo(dirname(path));
  checkLibtorch(path, recorded);
  // libgomp's spinning threads slow training 25 to 200 times when anything else runs; it reads this once, at load.
  if (isMainThread) process.env["OMP_WAIT_POLICY"] ??= "PASSIVE";
  const addon = open(path);
  const { compiled, runtime } = addon.torchVersion();
  if (compiled !== baseVersion(runtime)) throw mismatch(path, compiled, runtime);
  if (recorded && baseVersion(recorded.torchVersion) !== compiled) {
    throw mismatch(path, compiled, recorded.torchVersion);
  }
  return addon;
}

/** Before anything is loaded: is the LibTorch that it was built against still there, in the same version? */
function checkLibtorch(path: string, info: BuildInfo | undefined): void {
  if (!info) return;
  const found = libtorchVersion(info.torchRoot);
  if (found === undefined) {
    const text = `LibTorch ${info.torchVersion}, which the addon was built against, is gone from ${info.torchRoot}. ${REBUILD}`;
    throw new McLossError("ERR_LIBTORCH_MISMATCH", text, { path: info.torchRoot });
  }
  if (found !== info.torchVersion) throw mismatch(path, info.torchVersion, found);
}

function open(path: string): Versioned {
  try {
    return createRequire(import.meta.url)(path) as Versioned;
  } catch (cause) {
    const text = `the native addon ${path} cannot be loaded: ${reasonOf(cause)}. ${REBUILD}, or see: npx mcloss doctor`;
    throw new McLossError("ERR_ADDON_MISSING", text, { path, cause });
  }
}

function mismatch(path: string, built: string, found: string): McLossError {
  const text = `the native addon was built against LibTorch ${built}, but LibTorch ${found} was found. ${REBUILD}`;
  return new McLossError("ERR_LIBTORCH_MISMATCH", text, { path });
}
