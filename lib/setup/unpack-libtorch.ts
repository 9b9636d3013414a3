import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cachedLibtorchs, inspectLibtorch, libtorchFolder, type Libtorch } from "../addon/libtorch.js";
import { McLossError } from "../errors.js";
import { makeFolder } from "../make-folder.js";
import { isSystemError, reasonOf } from "../system-error.js";
import type { Reporter } from "../reporter.js";

/** What of a wheel's torch/ or an archive's libtorch/ a build and a run need. */
const KEPT = /^(?:torch|libtorch)\/((?:lib|include|share)\/.*|version\.py|build-version)$/;

/** In an unpacked LibTorch: the identity of the file that it is from. */
const ORIGIN = ".unpacked-from";
/** The end of a zip lists its files with their checksums, as a wheel does by itself in its record. */
const TAIL_BYTES = 2 ** 20;

const FOLDER_PREFIX = "download-";
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/**
 * Unpacks a wheel of PyTorch or an archive of LibTorch into a cache, in the folder of its version and variant. What a
 * killed process leaves is not taken for a LibTorch.
 * @throws McLossError ERR_LIBTORCH_MISSING where the file holds none
 */
export async function unpackLibtorch(file: string, cache: string, reporter: Reporter): Promise<Libtorch> {
  const folder = await stagingFolder(cache);
  try {
    const unpacked = join(folder, "libtorch");
    await mkdir(unpacked);
    await unpack(file, unpacked, reporter);
    await writeFile(join(unpacked, ORIGIN), await identityOf(file));
    const seen = inspectLibtorch(unpacked);
    if ("problem" in seen) throw missing(file, seen.problem);
    if (seen.cuda !== null && !(await hasCudaRuntime(unpacked))) {
      throw missing(
        file,
        "is a wheel for CUDA, whose runtime is in wheels of NVIDIA's: python3 -m pip install torch brings all of them",
      );
    }
    const root = libtorchFolder(cache, seen.version, seen.cuda);
    await rm(root, { recursive: true, force: true });
    await rename(unpacked, root);
    return { ...seen, root };
  } catch (error) {
    if (error instanceof McLossError || isSystemError(error)) throw error;
    throw missing(file, `cannot be unpacked: ${reasonOf(error)}`, error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpack(file: string, target: string, reporter: Reporter): Promise<void> {
  const { unzip } = await import("../io/zip.js");
  const keep = (name: string) => KEPT.exec(name)?.[1];
  try {
    await unzip(file, target, keep, (done, total) => {
      if (done === 0) reporter.start("unpacking LibTorch", total);
      reporter.update(done + 1);
    });
  } finally {
    reporter.stop();
  }
}

/** A wheel or archive that the user has; what has been unpacked of it before is not unpacked again. */
export async function unpackGiven(given: string, cache: string, reporter: Reporter): Promise<Libtorch> {
  const file = resolve(given);
  if (!existsSync(file)) throw missing(file, "does not exist");
  return (await unpackedBefore(file, cache)) ?? unpackLibtorch(file, cache, reporter);
}

async function unpackedBefore(file: string, cache: string): Promise<Libtorch | undefined> {
  const identity = await identityOf(file);
  for (const root of cachedLibtorchs({ MCLOSS_CACHE: cache })) {
    if ((await readFile(join(root, ORIGIN), "utf8").catch(() => undefined)) !== identity) continue;
    const seen = inspectLibtorch(root);
    if ("root" in seen) return seen;
  }
  return undefined;
}

async function identityOf(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await handle.read(tail, 0, tail.length, size - tail.length);
    return `${size} ${createHash("sha256").update(tail).digest("hex")}`;
  } finally {
    await handle.close();
  }
}

async function hasCudaRuntime(root: string): Promise<boolean> {
  return (await readdir(join(root, "lib"))).some((name) => name.startsWith("libcudart"));
}

/** A folder for what is not complete yet. What killed processes left a day ago goes. */
async function stagingFolder(cache: string): Promise<string> {
  await makeFolder(cache);
  for (const name of await readdir(cache)) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    const path = join(cache, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
  return mkdtemp(join(cache, FOLDER_PREFIX));
}

function missing(file: string, problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_LIBTORCH_MISSING", `${file} ${problem}`, { path: file, cause });
}
