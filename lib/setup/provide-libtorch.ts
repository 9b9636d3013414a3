import { McLossError } from "../errors.js";
import { downloadLibtorch, type DownloadOptions } from "./download.js";
import { findLibtorch, type Tried } from "./find-libtorch.js";
import type { Libtorch } from "../addon/libtorch.js";
import { PINNED } from "../addon/versions.js";

export interface ProvideOptions extends DownloadOptions {
  /** Takes only a LibTorch for CUDA, which is not downloaded: it is some 4 GB. Default false. */
  cuda?: boolean;
}

/**
 * A LibTorch that is on this machine, or the pinned one, downloaded.
 * @throws McLossError ERR_LIBTORCH_MISSING that lists what was tried and the commands that help
 */
export async function provideLibtorch(options: ProvideOptions): Promise<Libtorch> {
  const { found, tried } = await findLibtorch(options.env, options.cuda);
  if (found) return found;
  if (options.cuda) throw noCudaFound(tried);
  try {
    return await downloadLibtorch(options);
  } catch (error) {
    if (!(error instanceof McLossError)) throw error;
    throw nothingFound(
      [...tried, { where: "the pinned download", problem: `failed: ${error.message}` }],
      error,
    );
  }
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
  - download ${PINNED.archive.url}, unzip it, then: LIBTORCH=/path/to/libtorch npx mcloss setup
  - behind a proxy: HTTPS_PROXY=http://proxy:port npx mcloss setup
  - offline: put ${PINNED.wheel.file} in a folder, then: PIP_FIND_LINKS=/that/folder npx mcloss setup`;
  return new McLossError("ERR_LIBTORCH_MISSING", text, { cause });
}
