import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import { inspectLibtorch, libtorchFolder, type Libtorch } from "../addon/libtorch.js";
import { cacheFolder } from "../addon/paths.js";
import { findPip } from "./python.js";
import type { Reporter } from "./reporter.js";
import { run } from "./run.js";
import { PINNED } from "../addon/versions.js";

export interface DownloadOptions {
  reporter: Reporter;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** Where the archive comes from and what it must be; for tests. */
  archive?: { url: string; sha256: string };
}

/** What of a wheel's torch/ or an archive's libtorch/ a build and a run need. */
const KEPT = /^(?:torch|libtorch)\/((?:lib|include|share)\/.*|version\.py|build-version)$/;

const FOLDER_PREFIX = "download-";
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/**
 * Brings the pinned LibTorch into the cache: PyTorch's CPU wheel by pip, or without Python the official archive. What
 * a killed download leaves is not taken for a LibTorch.
 * @throws McLossError ERR_LIBTORCH_MISSING with why each way failed
 */
export async function downloadLibtorch(options: DownloadOptions): Promise<Libtorch> {
  const { reporter, env = process.env } = options;
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw missing(`there is no pinned download for ${process.platform}-${process.arch}`);
  }
  const target = libtorchFolder(cacheFolder(env), PINNED.version, null);
  await mkdir(dirname(target), { recursive: true });
  await removeAbandoned(dirname(target));
  const folder = await mkdtemp(join(dirname(target), FOLDER_PREFIX));
  try {
    const file = await fetchZip(folder, options);
    const unpacked = join(folder, "libtorch");
    await unpack(file, unpacked, reporter);
    const seen = inspectLibtorch(unpacked);
    if ("problem" in seen) throw missing(`the download ${seen.problem}`);
    await rm(target, { recursive: true, force: true });
    await rename(unpacked, target);
    return { ...seen, root: target };
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

/** What killed downloads left. None takes a day. */
async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    const path = join(cache, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

async function fetchZip(folder: string, options: DownloadOptions): Promise<string> {
  const python = options.archive ? undefined : await findPip(options.env);
  if (python === undefined) return fetchArchive(folder, options);
  options.reporter.start(
    `downloading PyTorch ${PINNED.version} for the CPU (about 190 MB) with ${python} -m pip`,
  );
  return fetchWheel(python, folder, options);
}

/** Any Python 3 can take the wheel of 3.11: only its libraries and headers are used. */
async function fetchWheel(
  python: string,
  folder: string,
  { env = process.env, signal }: DownloadOptions,
): Promise<string> {
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
  const show = process.stderr.isTTY;
  const { code, output } = await run(python, args, { env, show, signal });
  if (code !== 0) throw missing(`pip could not download it:\n${lastLines(output, 5)}`);
  const file = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (file === undefined) throw missing("pip downloaded no wheel");
  // Another file, such as a mirror's own build, has been checked by pip against its index alone.
  if (file !== PINNED.wheel.file) throw missing(`pip downloaded ${file} instead of ${PINNED.wheel.file}`);
  await checkSum(join(folder, file), PINNED.wheel.sha256);
  return join(folder, file);
}

async function fetchArchive(folder: string, options: DownloadOptions): Promise<string> {
  const { url, sha256 } = options.archive ?? PINNED.archive;
  const { reporter, signal } = options;
  const file = join(folder, "libtorch.zip");
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    reporter.start("downloading LibTorch", Number(response.headers.get("content-length") ?? 0));
    await pipeline(Readable.fromWeb(response.body), counting(reporter), createWriteStream(file));
  } catch (cause) {
    throw missing(`${url} could not be downloaded (${reasonOf(cause)})`, cause);
  } finally {
    reporter.stop();
  }
  await checkSum(file, sha256);
  return file;
}

function counting(reporter: Reporter) {
  return async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    let done = 0;
    for await (const chunk of chunks) {
      done += chunk.length;
      reporter.update(done);
      yield chunk;
    }
  };
}

async function checkSum(file: string, expected: string): Promise<void> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  const actual = hash.digest("hex");
  if (actual === expected) return;
  throw missing(`the download is damaged: its SHA-256 is ${actual}, expected ${expected}`);
}

function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

function missing(problem: string, cause?: unknown): McLossError {
  return new McLossError("ERR_LIBTORCH_MISSING", problem, { cause });
}
