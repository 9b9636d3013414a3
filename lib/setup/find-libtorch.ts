import { existsSync } from "node:fs";
import { join } from "node:path";
import { McLossError } from "../errors.js";
import { inspectLibtorch, type Libtorch } from "../addon/libtorch.js";
import { cachedLibtorch } from "../addon/paths.js";
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
 * Looks for a LibTorch on this machine: $LIBTORCH, the package's cache, the torch package of a Python. With `cuda` only
 * one that is built for CUDA will do.
 * @throws McLossError ERR_LIBTORCH_MISSING where $LIBTORCH is set to something else than a LibTorch
 */
export async function findLibtorch(env: NodeJS.ProcessEnv = process.env, cuda = false): Promise<Search> {
  const given = env["LIBTORCH"];
  if (given) return { found: { ...checkGiven(given), where: "$LIBTORCH" }, tried: [] };
  const tried: Tried[] = [{ where: "$LIBTORCH", problem: "is not set" }];
  const cached = cachedLibtorch(env);
  const inCache = existsSync(cached) ? suitable(inspectLibtorch(cached), cuda) : { problem: "is empty" };
  if ("root" in inCache) return { found: { ...inCache, where: `the cache ${cached}` }, tried };
  tried.push({ where: `the cache ${cached}`, ...inCache });
  for (const python of pythonCandidates(env)) {
    const folder = await findTorchPackage(python, env);
    const seen = typeof folder === "string" ? suitable(inspectLibtorch(folder), cuda) : folder;
    const where = typeof folder === "string" ? `the torch package ${folder} of ${python}` : python;
    if ("root" in seen) return { found: { ...seen, where }, tried };
    tried.push({ where, ...seen });
  }
  return { tried };
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
