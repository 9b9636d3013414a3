import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { McLossError } from "./errors.js";

const NAME = "mutual-channel-loss";

const file = findManifest(import.meta.url);

/** The package's own folder. */
export const PACKAGE_ROOT = dirname(file);

/** This package's own, such as "0.1.0". */
export const PACKAGE_VERSION = readVersion(file);

/** Two folders up from the compiled code. Bundles in CommonJS do not know where they are. */
function findManifest(url: string | undefined): string {
  if (url === undefined) throw bundled("the bundle");
  return fileURLToPath(new URL("../package.json", url));
}

function readVersion(path: string): string {
  const { name, version } = readManifest(path);
  if (name !== NAME || version === undefined) throw bundled(fileURLToPath(import.meta.url));
  return version;
}

function readManifest(path: string): { name?: string; version?: string } {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as object;
  } catch {
    return {};
  }
}

function bundled(where: string): McLossError {
  const text = `${where} has this package's code without its other files, as a bundler leaves it: keep the package out of the bundle, for esbuild with external: ["${NAME}"], for Vite with ssr: { external: ["${NAME}"] }`;
  return new McLossError("ERR_ADDON_MISSING", text);
}
