import { mkdir, readdir, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { throwIfAborted } from "../abort.js";
import { inspectLibtorch, libtorchFolder, type Libtorch } from "../addon/libtorch.js";
import { cacheFolder } from "../addon/paths.js";
import { PINNED } from "../addon/versions.js";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import { checkSum, fetchFile, type FetchOptions } from "../io/fetch-file.js";
import { withLock } from "../io/process-lock.js";
import { findPip } from "./python.js";
import type { Reporter } from "../reporter.js";
import { run } from "./run.js";
import { unpackLibtorch } from "./unpack-libtorch.js";

export interface DownloadOptions {
  reporter: Reporter;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** Another file than the pinned wheel; for tests. pip is not asked for it. */
  wheel?: { url: string; sha256: string };
  /** For tests. */
  patience?: Pick<FetchOptions, "stallMs" | "pauseMs">;
}

/** The wheel, and what is unpacked of it. */
const NEEDED_BYTES = 1e9;

/**
 * Brings the pinned LibTorch into the cache: PyTorch's CPU wheel, by itself, or where there is no way to its server, by
 * pip, which may know a mirror. What was downloaded before an interruption is gone on with.
 * @throws McLossError ERR_LIBTORCH_MISSING with why each way failed, or ERR_IO where the cache cannot be written
 */
export async function downloadLibtorch(options: DownloadOptions): Promise<Libtorch> {
  const { reporter, signal, env = process.env } = options;
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw missing(
      `there is no pinned download for ${process.platform}-${process.arch}, where this package has not been tried`,
    );
  }
  const cache = cacheFolder(env);
  const downloads = join(cache, "downloads");
  return withLock(join(downloads, "lock"), { work: "setup", reporter, signal }, async () => {
    // Another process may have brought it meanwhile.
    const there = inspectLibtorch(libtorchFolder(cache, PINNED.version, null));
    if ("root" in there) return there;
    await checkSpace(downloads);
    const file = await fetchWheel(downloads, options);
    try {
      return await unpackLibtorch(file, cache, reporter);
    } finally {
      await rm(file, { force: true });
    }
  });
}

async function checkSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= NEEDED_BYTES) return;
  const free = Math.round((bavail * bsize) / 1e6);
  throw missing(`${folder} has ${free} MB free, and LibTorch takes up to ${NEEDED_BYTES / 1e6} MB`);
}

async function fetchWheel(downloads: string, options: DownloadOptions): Promise<string> {
  const { reporter, signal, env = process.env, wheel, patience } = options;
  const { url, sha256 } = wheel ?? PINNED.wheel;
  const file = join(downloads, `${sha256.slice(0, 16)}.part`);
  try {
    const label = `downloading LibTorch ${PINNED.version} for the CPU`;
    await fetchFile(url, sha256, file, { label, reporter, signal, env, ...patience });
    return file;
  } catch (cause) {
    throwIfAborted(signal, "the download");
    const problem = `${url} could not be downloaded (${reasonOf(cause)})`;
    const python = wheel ? undefined : await findPip(env);
    if (python === undefined) throw missing(problem, cause);
    reporter.line(`${problem}; trying pip`);
    return fetchByPip(python, downloads, problem, options);
  }
}

/** Any Python 3 can take the wheel of 3.11: only its libraries and headers are used. */
async function fetchByPip(
  python: string,
  downloads: string,
  before: string,
  { reporter, env = process.env, signal }: DownloadOptions,
): Promise<string> {
  const folder = join(downloads, "pip");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  reporter.start(`downloading PyTorch ${PINNED.version} for the CPU (about 190 MB) with ${python} -m pip`);
  const what = [
    "--python-version",
    "3.11",
    "--platform",
    "manylinux_2_28_x86_64",
    `torch==${PINNED.version}`,
  ];
  // Few retries: offline, with the wheel in pip's own reach, the index must not be waited for.
  const how = ["--no-deps", "--only-binary=:all:", "--retries", "1", "--timeout", "15"];
  const args = [
    "-m",
    "pip",
    "download",
    ...how,
    "--extra-index-url",
    PINNED.wheelIndex,
    "-d",
    folder,
    ...what,
  ];
  try {
    const { code, output } = await run(python, args, { env, signal });
    throwIfAborted(signal, "the download");
    if (code !== 0) throw missing(`${before}, and pip could not download it:\n${lastLines(output, 5)}`);
    const name = (await readdir(folder)).find((file) => file.endsWith(".whl"));
    // Another file, such as a mirror's own build, has been checked by pip against its index alone.
    if (name !== PINNED.wheel.file) {
      throw missing(`${before}, and pip downloaded ${name ?? "no wheel"} instead of ${PINNED.wheel.file}`);
    }
    const file = join(downloads, name);
    await rename(join(folder, name), file);
    await checkSum(file, PINNED.wheel.sha256).catch((cause: unknown) => {
      throw missing(`${before}, and of pip's ${reasonOf(cause)}`, cause);
    });
    return file;
  } finally {
    reporter.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

function missing(problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_LIBTORCH_MISSING", problem, { cause });
}
