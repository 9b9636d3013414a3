import { McLossError } from "../errors.js";
import { cacheFolder } from "../addon/paths.js";
import { downloadLibtorch, type DownloadOptions } from "./download.js";
import { hasGpu } from "./cuda.js";
import { findLibtorch, type Tried } from "./find-libtorch.js";
import type { Libtorch } from "../addon/libtorch.js";
import { PINNED, untested } from "../addon/versions.js";
import { unpackGiven } from "./unpack-libtorch.js";

export interface ProvideOptions extends DownloadOptions {
  /**
   * Takes only a LibTorch for CUDA, which is not downloaded: it is some 4 GB. Default: one for CUDA, where there is one
   * and a GPU.
   */
  cuda?: boolean;
  /** A wheel of PyTorch or an archive of LibTorch to unpack, rather than look for one. */
  fromFile?: string;
  /** Whether there is a GPU. Default: looks for one. */
  gpu?: boolean;
}

/**
 * A LibTorch that is on this machine, or the pinned one, downloaded.
 * @throws McLossError ERR_LIBTORCH_MISSING that lists what was tried and the commands that help
 */
export async function provideLibtorch(options: ProvideOptions): Promise<Libtorch> {
  const { reporter, fromFile, env, cuda, gpu = hasGpu() } = options;
  const chosen = (libtorch: Libtorch, why: string): Libtorch => {
    reporter.line(`LibTorch ${libtorch.version}: ${libtorch.root}, ${why}`);
    const caution = untested(libtorch.version);
    if (caution !== undefined) reporter.line(`LibTorch ${caution}`);
    return libtorch;
  };
  if (fromFile !== undefined) {
    return chosen(await unpackGiven(fromFile, cacheFolder(env), reporter), `from ${fromFile}`);
  }
  reporter.start("looking for LibTorch");
  const { found, tried } = await findLibtorch(env, cuda ?? (gpu ? "preferred" : false));
  reporter.stop();
  if (found) return chosen(found, why(found, gpu));
  if (cuda) throw noCudaFound(tried);
  try {
    const libtorch = await downloadLibtorch(options);
    return chosen(libtorch, `downloaded as there was none on this machine${gpu ? `; ${NO_CUDA}` : ""}`);
  } catch (error) {
    if (!(error instanceof McLossError)) throw error;
    throw nothingFound(
      [...tried, { where: "the pinned download", problem: `failed: ${error.message}` }],
      error,
    );
  }
}

const GPU = "this machine has an NVIDIA GPU";
const NO_CUDA = `${GPU}, but no LibTorch for CUDA was found: python3 -m pip install torch, then npx mcloss setup --cuda`;

/** Why it was taken, for people. */
function why({ where, cuda }: Libtorch & { where: string }, gpu: boolean): string {
  if (where === "$LIBTORCH") return "as $LIBTORCH says";
  if (!gpu) return `found in ${where}`;
  return `found in ${where}; ${cuda === null ? NO_CUDA : `for CUDA ${cuda}, as ${GPU}`}`;
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
