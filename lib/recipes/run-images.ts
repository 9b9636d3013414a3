import { z } from "zod";
import { dataVersion, findOrigin, type DataVersion } from "../data/data-version.js";
import type { TrainingSets } from "../data/usual-splits.js";
import { McLossError } from "../errors.js";

/** Which images a run has; in its `run.json`. */
export interface RunImages {
  train: DataVersion;
  /** Absent where nothing is held out. */
  validation?: DataVersion;
}

export const runImagesSchema = z.object({ train: z.object({ count: z.int(), sha256: z.string() }) });

export async function findRunImages(sets: TrainingSets, signal?: AbortSignal): Promise<RunImages> {
  const { images, source, heldOut, heldOutSource } = sets;
  const origin = await findOrigin(source);
  const train = await dataVersion(origin, images, signal);
  if (!heldOut) return { train };
  const heldOutOrigin = heldOutSource ? await findOrigin(heldOutSource) : origin;
  return { train, validation: await dataVersion(heldOutOrigin, heldOut, signal) };
}

/** @throws McLossError ERR_DATASET where a run that began with some images would go on with others */
export function requireSameImages(dir: string, began: z.infer<typeof runImagesSchema>, now: RunImages): void {
  if (began.train.sha256 === now.train.sha256) return;
  const text =
    `${dir} has ${now.train.count} training images, which are not the ${began.train.count} that the run began with: ` +
    `bring those back, or start a new run`;
  throw new McLossError("ERR_DATASET", text, { path: dir });
}
