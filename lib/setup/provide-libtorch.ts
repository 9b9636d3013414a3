import { McLossError } from "../errors.js";
import { cacheFolder } from "../addon/paths.js";
import { downloadLibtorch, type DownloadOptions } from "./download.js";
import { hasGpu } from "./cuda.js";
import { findLibtorch, type Tried } from "./find-libtorch.js";
import type { Libtorch } from "../addon/libtorch.js";
import { PINNED } from "../addon/versions.js";
import { unpackGiven } from "./unpack-libtorch.js";

export interface ProvideOptions extends DownloadOptions {
  /**
   * Takes only a LibTorch for CUDA, which is not downloaded: it is some 4 GB. Default: one for CUDA, where there is one
   * and a GPU.
   */
  cuda?: boolean;
  /** A wheel of PyTorch or an archive of LibTorch to unpack, rather than look for one. */
  fromFile?: string;
}

/**
 * A LibTorch that is on this machine, or the pinned one, downloaded.
 * @throws McLossError ERR_LIBTORCH_MISSING that lists what was tried and the commands that help
 */
export async function provideLibtorch(options: ProvideOptions): Promise<Libtorch> {
  const { reporter, fromFile, env } = options;
  if (fromFile !== undefined) {
    const libtorch = await unpackGiven(fromFile, cacheFolder(env), reporter);
    reporter.line(`LibTorch ${libtorch.version}: ${libtorch.root}, from ${fromFile}`);
    return libtorch;
  }
  reporter.start("looking for LibTorch");
  const { found, tried } = await findLibtorch(options.env, options.cuda);
  reporter.stop();
  if (found) {
    reporter.line(`LibTorch ${found.version}: ${found.root}, ${why(found)}`);
    return found;
  }
  if (options.cuda) throw noCudaFound(tried);
  try {
    const libtorch = await downloadLibtorch(options);
    reporter.line(
      `LibTorch ${libtorch.version}: ${libtorch.root}, downloaded as there was none on this machine`,
    );
    return libtorch;
  } catch (error) {
    if (!(error instanceof McLossError)) throw error;
    throw nothingFound(
      [...tried, { where: "the pinned download", problem: `failed: ${error.message}` }],
      error,
    );
  }
}

/** Why it was taken, for people. */
function why({ where, cuda }: Libtorch & { where: string }): string {
  if (where === "$LIBTORCH") return "as $LIBTORCH says";
  if (!hasGpu()) return `found in ${where}`;
  const gpu = "this machine has an NVIDIA GPU";
  if (cuda !== null) return `found in ${where}; for CUDA ${cuda}, as ${gpu}`;
  return `found in ${where}; ${gpu}, but no LibTorch for CUDA was found: python3 -m pip install torch, then npx mcloss setup --cuda`;
}

function noCudaFound(tried: readonly Tried[]): McLossError {
  const text = `no LibTorch for CUDA was found. Tried in order:
${listed(tried)}
Either of these helps (a LibTorch for CUDA is some 4 GB, so it is not downloaded unasked):
  - python3 -m pip install torch   then: npx mcloss setup --cuda
  - LIBTORCH=/path/to/libtorch npx mcloss setup --cuda`;
  return new McLossError("ERR_LIBTORCH_MISSING", text);
}

function listed(tried: readonly Tried[]): string {
  return tried.map(({ where, problem }) => `  - ${where} ${problem}`).join("\n");
}

function nothingFound(tried: readonly Tried[], cause: unknown): McLossError {
  const text = `no LibTorch was found. Tried in order:
${listed(tried)}
Any one of these helps:
  - python3 -m pip install torch==${PINNED.version} --index-url ${PINNED.wheelIndex}   then: npx mcloss setup
  - a LibTorch that is somewhere else: LIBTORCH=/path/to/libtorch npx mcloss setup
  - behind a proxy: HTTPS_PROXY=http://proxy:port npx mcloss setup
  - offline: bring ${PINNED.wheel.url} here, then: npx mcloss setup --from-file ${PINNED.wheel.file}`;
  return new McLossError("ERR_LIBTORCH_MISSING", text, { cause });
}
