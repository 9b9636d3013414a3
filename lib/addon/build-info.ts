import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { IS_CHECKOUT, type BuildSystem } from "./paths.js";
import { compiledFile, PACKAGE_ROOT } from "../package.js";

/** Written beside the addon: what it was built from and for. */
export interface BuildInfo {
  /** "2.13.0+cpu" */
  torchVersion: string;
  /** The LibTorch that it loads. */
  torchRoot: string;
  /** The CUDA version that its kernels were built for, or null. */
  cuda: string | null;
  /** "prebuilt" is one of the platform's package. */
  buildSystem: BuildSystem | "prebuilt";
  /** The first line of what the compiler says for --version, or null where that is not known. */
  compiler: string | null;
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

/** In a package, what {@link hashSources} gives: made with it, so that loading the addon reads no sources. */
export const PACKED_HASH = compiledFile("sources.sha256");

const hashes = new Map<BuildSystem, string>();

/**
 * A hash of the native sources and the build files: the same in a checkout and in the package that is made of it. They are
 * read once in a process, and in a package not at all.
 */
export function hashSources(buildSystem: BuildSystem = "cmake"): string {
  const known = hashes.get(buildSystem);
  if (known !== undefined) return known;
  const isPacked = !IS_CHECKOUT && buildSystem === "cmake" && existsSync(PACKED_HASH);
  const hash = isPacked ? readFileSync(PACKED_HASH, "utf8").trim() : readSources(buildSystem);
  hashes.set(buildSystem, hash);
  return hash;
}

function readSources(buildSystem: BuildSystem): string {
  const native = join(PACKAGE_ROOT, "native");
  const files = readdirSync(native, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !isUnpublished(relative(native, file)))
    .sort();
  const buildFile = buildSystem === "gyp" ? "binding.gyp" : "CMakeLists.txt";
  const hash = createHash("sha256");
  for (const file of [...files, join(PACKAGE_ROOT, buildFile)]) {
    hash.update(relative(PACKAGE_ROOT, file)).update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** Of native/, what package.json's `files` leave out. */
function isUnpublished(path: string): boolean {
  return path.startsWith("test/") || path === "unity.cjs";
}
