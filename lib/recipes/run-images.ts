import { z } from "zod";
import { findDataVersion, type DataVersion } from "../data/data-version.js";
import type { TrainingSets } from "../data/usual-splits.js";
import { McLossError } from "../errors.js";

/** Which images a run has; in its `run.json`. */
export interface RunImages {
  train: DataVersion;
  /** Absent where nothing is held out. */
  validation?: DataVersion;
}

export const runImagesSchema = z.object({ train: z.object({ count: z.int(), sha256: z.string() }) });

export async function findRunImages(
  { dir, validation = dir }: { dir: string; validation?: string },
  { images, heldOut }: TrainingSets,
): Promise<RunImages> {
  return {
    train: await findDataVersion(dir, images),
    ...(heldOut ? { validation: await findDataVersion(validation, heldOut) } : {}),
  };
}

/** @throws McLossError ERR_DATASET where a run that began with some images would go on with others */
export function requireSameImages(dir: string, began: z.infer<typeof runImagesSchema>, now: RunImages): void {
  if (began.train.sha256 === now.train.sha256) return;
  const text =
    `${dir} has ${now.train.count} training images, which are not the ${began.train.count} that the run began with: ` +
    `bring those back, or start a new run`;
  throw new McLossError("ERR_DATASET", text, { path: dir });
}
