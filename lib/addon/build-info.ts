import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_ROOT } from "./paths.js";

/** Written beside the addon: what it was built from and for. */
export interface BuildInfo {
  /** "2.13.0+cpu" */
  torchVersion: string;
  torchRoot: string;
  /** The CUDA version that its kernels were built for, or null. */
  cuda: string | null;
  buildSystem: "cmake" | "gyp";
  /** Of everything that the build reads. */
  sources: string;
}

const FILE = "build-info.json";

export function readBuildInfo(folder: string): BuildInfo | undefined {
  const file = join(folder, FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as BuildInfo) : undefined;
}

export function writeBuildInfo(folder: string, info: BuildInfo): void {
  writeFileSync(join(folder, FILE), `${JSON.stringify(info, null, 2)}\n`);
}

/** A hash of the native sources and the build files. */
export function hashSources(): string {
  const native = readdirSync(join(PACKAGE_ROOT, "native"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash("sha256");
  for (const file of [...native, join(PACKAGE_ROOT, "CMakeLists.txt"), join(PACKAGE_ROOT, "binding.gyp")]) {
    hash.update(file.slice(PACKAGE_ROOT.length)).update(readFileSync(file));
  }
  return hash.digest("hex");
}
