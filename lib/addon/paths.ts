import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PINNED } from "./versions.js";

/** The package's own folder. */
export const PACKAGE_ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where each build system puts the addon; the loader takes the first that exists. */
export const BUILD_FOLDERS = {
  cmake: join(PACKAGE_ROOT, "build", "cmake", "Release"),
  gyp: join(PACKAGE_ROOT, "build", "Release"),
} as const;

export type BuildSystem = keyof typeof BUILD_FOLDERS;

export const ADDON_FILE = "mcloss.node";

/** $MCLOSS_CACHE, or a folder in the user's cache. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["MCLOSS_CACHE"];
  if (own) return own;
  return join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "mutual-channel-loss");
}

/** Where the pinned LibTorch is unpacked. */
export function cachedLibtorch(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), `libtorch-${PINNED.version}-cpu`);
}
