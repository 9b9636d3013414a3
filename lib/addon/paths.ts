import { accessSync, constants, existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { PACKAGE_ROOT } from "../package.js";
import { reasonOf } from "../system-error.js";

/**
 * Whether this is the repository rather than an installed package, which has no binding.gyp. A checkout builds in its own
 * build/, where a change compiles what changed; a package builds in the cache, where no `npm ci` deletes it.
 */
export const IS_CHECKOUT = existsSync(join(PACKAGE_ROOT, "binding.gyp"));

/** Where each build system puts a checkout's addon; the loader takes the first that exists. */
export const BUILD_FOLDERS = {
  cmake: join(PACKAGE_ROOT, "build", "cmake", "Release"),
  gyp: join(PACKAGE_ROOT, "build", "Release"),
} as const;

/** What builds the addon: CMake or node-gyp. */
export type BuildSystem = keyof typeof BUILD_FOLDERS;

export const ADDON_FILE = "mcloss.node";
export const OPS_FILE = "libmcloss_ops.so";

/** What root installs is for all users of the machine or container. */
const SYSTEM_CACHE = "/var/cache/mutual-channel-loss";

/** Where setup writes: $MCLOSS_CACHE; root's is that of the system; otherwise a folder in the user's cache. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["MCLOSS_CACHE"];
  if (own) return own;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && !env["XDG_CACHE_HOME"] && isWritable("/var/cache")) return SYSTEM_CACHE;
  return userCache(env);
}

/** Where is looked for what setup wrote, in this order: the user's own, then the system's. */
export function cacheFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const own = env["MCLOSS_CACHE"];
  return own ? [own] : [userCache(env), SYSTEM_CACHE];
}

function userCache(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "mutual-channel-loss");
}

function isWritable(folder: string): boolean {
  return whyNot(folder, constants.W_OK) === undefined;
}

/** The system's reason why a path cannot be read, or whatever `mode` says; undefined where it can. */
export function whyNot(path: string, mode: number = constants.R_OK): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}
