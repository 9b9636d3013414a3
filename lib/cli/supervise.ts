import { launch } from "../distributed/launch.js";
import { invalidArgument } from "../errors.js";
import type { Recipe } from "../recipes/recipe.js";
import { shareOfBatch } from "../recipes/share-of-batch.js";
import { countUsableGpus } from "../setup/cuda.js";
import { inRed } from "./colors.js";
import type { ProcessFlags } from "./process-options.js";

/**
 * Runs this command once more in each of several processes, and ends with their exit code.
 * @param recipe what they train, where it is known
 * @throws McLossError ERR_ARGUMENT where its batches cannot be shared, or there are too few GPUs
 */
export async function supervise(
  { processes: wanted, devices, maxRestarts }: ProcessFlags,
  recipe: Recipe | undefined,
): Promise<void> {
  const processes = wanted ?? (devices === undefined ? 1 : await chooseGpus(devices));
  if (recipe) shareOfBatch(recipe, processes);
  const tell = (line: string) => process.stderr.write(`${inRed("mcloss:")} ${line}\n`);
  process.exitCode = await launch({
    processes,
    command: [...process.execArgv, ...process.argv.slice(1)],
    maxRestarts,
    tell,
    onLine: (rank, line) => process.stderr.write(`[rank ${rank}] ${line}\n`),
  });
}

/** @throws McLossError ERR_ARGUMENT where there are not so many */
async function chooseGpus(wanted: number | "all"): Promise<number> {
  const there = await countUsableGpus();
  const count = wanted === "all" ? there : wanted;
  if (count > 0 && count <= there) return count;
  const advice = "mcloss doctor says what LibTorch sees; on the CPU, give --processes";
  throw invalidArgument("devices", `cannot be ${wanted}, as LibTorch sees ${there} GPUs here: ${advice}`);
}
