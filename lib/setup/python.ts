import { join } from "node:path";
import { run } from "./run.js";

// Finds the package without importing it, which would take seconds.
const FIND_TORCH =
  "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";

/** Python interpreters to ask, the active environment's first. */
export function pythonCandidates(env: NodeJS.ProcessEnv = process.env): string[] {
  const active = [env["VIRTUAL_ENV"], env["CONDA_PREFIX"]].filter((prefix) => prefix !== undefined);
  return [...active.map((prefix) => join(prefix, "bin", "python")), "python3", "python"];
}

/** The folder of the `torch` package that an interpreter would import, or why there is none. */
export async function findTorchPackage(
  python: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | { problem: string }> {
  const { code, stdout } = await run(python, ["-c", FIND_TORCH], { env });
  if (code === 127) return { problem: "is not installed" };
  if (code !== 0) return { problem: "failed to look for its torch package" };
  const folder = stdout.trim();
  return folder === "" ? { problem: "has no torch package" } : folder;
}

/** The first interpreter that has pip. */
export async function findPip(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  for (const python of pythonCandidates(env)) {
    if ((await run(python, ["-m", "pip", "--version"], { env })).code === 0) return python;
  }
  return undefined;
}
