import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { McLossError } from "./errors.js";

const NAME = "mutual-channel-loss";

const manifest = findManifest(import.meta.url);

/** The package's own folder. */
export const PACKAGE_ROOT = dirname(manifest.path);

/** This package's own, such as "0.1.0". */
export const PACKAGE_VERSION = manifest.version;

/** Finds what this package needs of others, wherever an installer has put it. */
export const requireHere = createRequire(manifest.path);

/** Where a compiled file is: "addon/try.js". The published package has few of them: scripts/pack/bundle.js keeps those that are named here. */
export function compiledFile(name: string): string {
  return join(PACKAGE_ROOT, "dist", name);
}

/** The nearest one around this code. Bundles in CommonJS do not know where they are. */
function findManifest(url: string | undefined): { path: string; version: string } {
  if (url === undefined) throw bundled("the bundle");
  const file = fileURLToPath(url);
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
    if (name === NAME && version !== undefined) return { path, version };
    break;
  }
  throw bundled(file);
}

function bundled(where: string): McLossError {
  const text = `${where} has this package's code without its other files, as a bundler leaves it: keep the package out of the bundle, for esbuild with external: ["${NAME}"], for Vite with ssr: { external: ["${NAME}"] }`;
  return new McLossError("ERR_ADDON_MISSING", text);
}
