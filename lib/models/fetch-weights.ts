import { copyFile, rename } from "node:fs/promises";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { z } from "zod";
import { throwIfAborted } from "../abort.js";
import { cacheFolder, cacheFolders } from "../addon/paths.js";
import { invalidArgument, McLossError } from "../errors.js";
import { fetchFile, type FetchOptions } from "../io/fetch-file.js";
import { hashFile } from "../io/hash-file.js";
import { withLock } from "../io/process-lock.js";
import { StagingFolder } from "../io/staging-folder.js";
import type { AbortOptions } from "../native/abortable.js";
import { isRecord } from "../plain-data.js";
import { silentReporter, type Reporter } from "../reporter.js";
import { abortShape, optionsOf, parseOptions, text } from "../schema.js";
import { reasonOf } from "../system-error.js";
import {
  officialWeights,
  WEIGHTS_NAMES,
  type OfficialWeights,
  type WeightsName,
} from "./official-weights.js";
import type { ModelSpec } from "./spec.js";

/** Options of {@link fetchWeights}. */
export interface FetchWeightsOptions extends AbortOptions {
  /** Which ones: torchvision's IMAGENET1K_V1, or IMAGENET1K_V2. Default "imagenet". */
  name?: WeightsName;
  /** The file, downloaded elsewhere: it is checked and copied into the cache. */
  fromFile?: string;
  /** Told how far a download is. Default: nobody is. */
  reporter?: Reporter;
  /** In place of process.env: MCLOSS_CACHE, MCLOSS_WEIGHTS_URL, HTTPS_PROXY and such. */
  env?: NodeJS.ProcessEnv;
  /** @internal In place of the network's own; for tests. */
  official?: OfficialWeights;
  /** @internal For tests. */
  patience?: Pick<FetchOptions, "stallMs" | "pauseMs">;
}

const schema = optionsOf<FetchWeightsOptions>({
  ...abortShape,
  name: z.enum(WEIGHTS_NAMES).optional(),
  fromFile: text.optional(),
  reporter: z.custom<Reporter>().optional(),
  env: z.custom<NodeJS.ProcessEnv>().optional(),
  official: z.custom<OfficialWeights>().optional(),
  patience: z.custom<FetchWeightsOptions["patience"]>().optional(),
});

/** Where torchvision's files are; MCLOSS_WEIGHTS_URL names a mirror. */
const SERVER = "https://download.pytorch.org/models";

/**
 * torchvision's ImageNet weights for a network, as a file: from the cache, from PyTorch's own, or downloaded, when what an
 * interrupted download left is gone on with. The digits of its SHA-256 that are in its name are checked.
 * @param spec the network, such as mobilenet_v2.spec({ classes: 200 })
 * @returns its path
 * @throws McLossError ERR_ARGUMENT where the network has no such weights; ERR_CHECKPOINT where they cannot be had, with what
 * helps; ERR_IO where the cache cannot be written; ERR_ABORTED
 */
export async function fetchWeights(spec: ModelSpec, given: FetchWeightsOptions = {}): Promise<string> {
  const options = parseOptions(schema, given);
  checkNetwork(spec);
  const { name = "imagenet", fromFile, env = process.env } = options;
  const weights = options.official ?? officialWeights(spec, name);
  if (!weights) throw unknown(spec, name);
  if (fromFile !== undefined) return takeFile(weights, fromFile, options);
  return findWeightsFile(weights, env) ?? download(spec, weights, options);
}

/** Where a file of weights is on this machine, if it is: in the cache, or in that of torch.hub. */
export function findWeightsFile(
  { file }: Pick<OfficialWeights, "file">,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const torch =
    env["TORCH_HOME"] ?? join(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache"), "torch");
  const folders = [...cacheFolders(env).map(weightsFolder), join(torch, "hub", "checkpoints")];
  return folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
}

function weightsFolder(cache: string): string {
  return join(cache, "weights");
}

async function takeFile(
  { file, sha256 }: OfficialWeights,
  from: string,
  { env, signal }: FetchWeightsOptions,
): Promise<string> {
  const hash = await hashFile(from, { signal }).catch((cause: unknown) => {
    throwIfAborted(signal, "reading the weights");
    throw failed(`cannot read ${from}: ${reasonOf(cause)}`, from, cause);
  });
  if (!hash.startsWith(sha256)) {
    throw failed(
      `${from} is not ${file}: its SHA-256 is ${hash}, expected ${sha256}…. Download it again`,
      from,
    );
  }
  const folder = weightsFolder(cacheFolder(env));
  const path = join(folder, file);
  await writing(folder, async () => {
    const staging = await StagingFolder.make(folder);
    try {
      const staged = join(staging.path, file);
      await copyFile(from, staged);
      await rename(staged, path);
    } finally {
      await staging.remove();
    }
  });
  return path;
}

async function download(
  spec: ModelSpec,
  weights: OfficialWeights,
  { env = process.env, reporter = silentReporter, signal, patience }: FetchWeightsOptions,
): Promise<string> {
  const { file, sha256, size } = weights;
  const folder = weightsFolder(cacheFolder(env));
  const path = join(folder, file);
  return withLock(join(folder, "lock"), { work: "download of weights", reporter, signal }, async () => {
    // Another process may have brought it meanwhile.
    if (existsSync(path)) return path;
    const url = `${env["MCLOSS_WEIGHTS_URL"] ?? SERVER}/${file}`;
    const part = `${path}.part`;
    const label = `downloading ${file} (${Math.round(size)} MiB)`;
    try {
      await fetchFile(url, sha256, part, { label, reporter, signal, env, ...patience });
    } catch (cause) {
      throwIfAborted(signal, "the download of weights");
      throw failed(notDownloaded(spec, weights, url, reasonOf(cause)), url, cause);
    }
    await writing(folder, () => rename(part, path));
    return path;
  });
}

function notDownloaded({ name }: ModelSpec, weights: OfficialWeights, url: string, reason: string): string {
  const network = name.replace(/(-mc)?(-adapter)?$/, "");
  const which = weights.name === "imagenet" ? "" : ` --name ${weights.name}`;
  return `${url} could not be downloaded (${reason}). Any one of these helps:
  - behind a proxy: HTTPS_PROXY=http://proxy:port
  - a mirror of its folder: MCLOSS_WEIGHTS_URL=https://mirror/models
  - without a network: bring the file here, then: npx mcloss weights ${network}${which} --from-file ${basename(url)}`;
}

function checkNetwork(spec: unknown): void {
  if (isRecord(spec) && typeof spec["name"] === "string" && Array.isArray(spec["layers"])) return;
  throw invalidArgument("spec", "must be a network's spec: for example mobilenet_v2.spec(…)");
}

async function writing<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const problem = `${folder} cannot be written: ${reasonOf(cause)}. Set MCLOSS_CACHE to a folder that you may write`;
    throw new McLossError("ERR_IO", problem, { path: folder, cause });
  }
}

function unknown(spec: ModelSpec, name: WeightsName): McLossError {
  const known = WEIGHTS_NAMES.filter((each) => officialWeights(spec, each));
  const instead = known.length > 0 ? `it has ${known.join(", ")}` : "give a file of weights";
  return invalidArgument("weights", `(${name}) are not there for ${spec.name}: ${instead}`);
}

function failed(problem: string, path: string, cause?: unknown): McLossError {
  return new McLossError("ERR_CHECKPOINT", problem, { path, cause });
}
