import { McLossError } from "../errors.js";
import { downloadLibtorch, type DownloadOptions } from "./download.js";
import { findLibtorch, type Tried } from "./find-libtorch.js";
import type { Libtorch } from "./libtorch.js";
import { PINNED } from "./versions.js";

/**
 * A LibTorch that is on this machine, or the pinned one, downloaded.
 * @throws McLossError ERR_LIBTORCH_MISSING that lists what was tried and the commands that help
 */
export async function provideLibtorch(options: DownloadOptions): Promise<Libtorch> {
  const { found, tried } = await findLibtorch(options.env);
  if (found) return found;
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

function nothingFound(tried: readonly Tried[], cause: unknown): McLossError {
  const lines = tried.map(({ where, problem }) => `  - ${where} ${problem}`);
  const text = `no LibTorch was found. Tried in order:
${lines.join("\n")}
Any one of these helps:
  - python3 -m pip install torch==${PINNED.version} --index-url ${PINNED.wheelIndex}   then: npx mcloss setup
  - download ${PINNED.archive.url}, unzip it, then: LIBTORCH=/path/to/libtorch npx mcloss setup
  - behind a proxy: HTTPS_PROXY=http://proxy:port npx mcloss setup
  - offline: put ${PINNED.wheel.file} in a folder, then: PIP_FIND_LINKS=/that/folder npx mcloss setup`;
  return new McLossError("ERR_LIBTORCH_MISSING", text, { cause });
}
