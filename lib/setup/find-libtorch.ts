import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { McLossError } from "../errors.js";
import { cachedLibtorchs, inspectLibtorch, type Libtorch } from "../addon/libtorch.js";
import { cacheFolders, whyNot } from "../addon/paths.js";
import { hasGpu } from "./cuda.js";
import { findTorchPackage, pythonCandidates } from "./python.js";
import { SUPPORTED_TEXT } from "../addon/versions.js";

/** A place that was looked at, and why it was not taken. */
export interface Tried {
  where: string;
  problem: string;
}

export interface Search {
  found?: Libtorch & { where: string };
  tried: Tried[];
}

/**
 * Looks for a LibTorch on this machine: $LIBTORCH, the package's cache, the torch package of a Python.
 * @param cuda takes only one that is built for CUDA, or with "preferred" another one where there is none. Default:
 * "preferred" where there is a GPU, else the first of any kind
 * @throws McLossError ERR_LIBTORCH_MISSING where $LIBTORCH is set to something else than a LibTorch
 */
export async function findLibtorch(
  env: NodeJS.ProcessEnv = process.env,
  cuda: boolean | "preferred" = hasGpu() ? "preferred" : false,
): Promise<Search> {
  const given = env["LIBTORCH"];
  if (given) return { found: { ...checkGiven(resolve(given)), where: "$LIBTORCH" }, tried: [] };
  if (cuda !== "preferred") return search(env, cuda);
  const first = await search(env, true);
  return first.found ? first : search(env, false);
}

async function search(env: NodeJS.ProcessEnv, cuda: boolean): Promise<Search> {
  const tried: Tried[] = [{ where: "$LIBTORCH", problem: "is not set" }];
  const cached = cachedLibtorchs(env);
  for (const folder of cached) {
    const seen = suitable(inspectLibtorch(folder), cuda);
    if ("root" in seen) return { found: { ...seen, where: "the cache" }, tried };
    tried.push({ where: folder, ...seen });
  }
  if (cached.length === 0) {
    for (const cache of cacheFolders(env))
      tried.push({ where: `the cache ${cache}`, problem: emptiness(cache) });
  }
  for (const python of pythonCandidates(env)) {
    const folder = await findTorchPackage(python, env);
    const seen = typeof folder === "string" ? suitable(inspectLibtorch(resolve(folder)), cuda) : folder;
    const where = typeof folder === "string" ? `the torch package ${folder} of ${python}` : python;
    if ("root" in seen) return { found: { ...seen, where }, tried };
    tried.push({ where, ...seen });
  }
  return { tried };
}

/** Why a cache has no LibTorch. */
function emptiness(cache: string): string {
  const reason = existsSync(cache) ? whyNot(cache) : undefined;
  return reason === undefined ? "is empty" : `cannot be read (${reason})`;
}

function suitable(seen: ReturnType<typeof inspectLibtorch>, cuda: boolean): typeof seen {
  return cuda && "root" in seen && seen.cuda === null ? { problem: "is built for the CPU only" } : seen;
}

/** $LIBTORCH, or the torch/ in it, as a wheel unpacks. */
function checkGiven(given: string): Libtorch {
  const nested = join(given, "torch");
  const root = existsSync(join(nested, "lib")) ? nested : given;
  const seen = inspectLibtorch(root);
  if ("root" in seen) return seen;
  const text =
    `LIBTORCH is set to ${given}, which ${seen.problem}. Set it to the folder with LibTorch's lib/ and include/ ` +
    `(${SUPPORTED_TEXT}), or unset it: unset LIBTORCH`;
  throw new McLossError("ERR_LIBTORCH_MISSING", text, { path: given });
}
