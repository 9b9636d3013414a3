import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolders, whyNot } from "./paths.js";
import { baseVersion, isSupported, PINNED, SUPPORTED_TEXT } from "./versions.js";

const LIBTORCH_PREFIX = "libtorch-";

/** A LibTorch that this package can be built against. */
export interface Libtorch {
  /** The folder with lib/ and include/. */
  root: string;
  /** "2.13.0+cpu" */
  version: string;
  /** The CUDA version that it was built for, or null. */
  cuda: string | null;
}

/** Looks at a folder: a LibTorch, or why it is none. Reads a few small files and loads nothing. */
export function inspectLibtorch(root: string): Libtorch | { problem: string } {
  for (const file of ["lib/libtorch_cpu.so", "lib/libc10.so", "include/ATen/core/Tensor.h"]) {
    const problem = whyNot(join(root, file));
    if (problem !== undefined) return { problem: `has no ${file} (${problem})` };
  }
  const version = libtorchVersion(root);
  if (version === undefined) return { problem: "has no version.py and no build-version" };
  if (!isSupported(version)) return { problem: `is version ${version}, supported are ${SUPPORTED_TEXT}` };
  // Mangled names carry this tag where std::string is that of the C++11 ABI, which this package is compiled with.
  if (!readFileSync(join(root, "lib/libc10.so")).includes("B5cxx11")) {
    return { problem: "was built with the pre-C++11 ABI; take one with the C++11 ABI" };
  }
  return { root, version, cuda: cudaVersion(root, version) };
}

/** The version that a LibTorch folder names: Python's version.py, or the archive's build-version. */
export function libtorchVersion(root: string): string | undefined {
  const python = read(join(root, "version.py"));
  if (python !== undefined) return /__version__ = '([^']+)'/.exec(python)?.[1];
  return read(join(root, "build-version"))?.trim();
}

/** The folders of LibTorch in the caches, the pinned version's first. */
export function cachedLibtorchs(env: NodeJS.ProcessEnv = process.env): string[] {
  return cacheFolders(env).flatMap((cache) => {
    const names = whyNot(cache) === undefined ? readdirSync(cache) : [];
    const found = names.filter((name) => name.startsWith(LIBTORCH_PREFIX)).sort();
    const pinned = (name: string) => name.startsWith(`${LIBTORCH_PREFIX}${PINNED.version}-`);
    return [...found.filter(pinned), ...found.filter((name) => !pinned(name)).reverse()].map((name) =>
      join(cache, name),
    );
  });
}

/** Where a LibTorch of a version and variant, such as "2.13.0+cpu", is kept in a cache. */
export function libtorchFolder(cache: string, version: string, cuda: string | null): string {
  const variant = cuda === null ? "cpu" : `cu${cuda.replace(".", "")}`;
  return join(cache, `${LIBTORCH_PREFIX}${baseVersion(version)}-${variant}`);
}

function cudaVersion(root: string, version: string): string | null {
  if (!existsSync(join(root, "lib/libtorch_cuda.so"))) return null;
  const named = /cuda: Optional\[str\] = '([^']+)'/.exec(read(join(root, "version.py")) ?? "")?.[1];
  return named ?? /\+cu(\d+)/.exec(version)?.[1] ?? "unknown";
}

function read(file: string): string | undefined {
  return whyNot(file) === undefined ? readFileSync(file, "utf8") : undefined;
}
