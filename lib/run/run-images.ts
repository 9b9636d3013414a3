import { z } from "zod";
import { findChanged } from "../data/content-hash.js";
import { dataVersion, findOrigin, type DataVersion } from "../data/data-version.js";
import type { ListDataset } from "../data/dataset.js";
import type { TrainingSets } from "../data/training-sets.js";
import { McLossError } from "../errors.js";

/** Which images a run has; in its `run.json`. */
export interface RunImages {
  /** When they were looked at (ISO 8601). */
  time: string;
  train: DataVersion;
  /** Absent where nothing is held out. */
  validation?: DataVersion;
}

const version = z.looseObject({ count: z.int(), sha256: z.string(), contents: z.string() });

export const runImagesSchema = z.looseObject({
  time: z.string(),
  train: version,
  validation: version.optional(),
});

/** @throws McLossError ERR_ABORTED */
export async function findRunImages(sets: TrainingSets, signal?: AbortSignal): Promise<RunImages> {
  const { images, source, heldOut, heldOutSource } = sets;
  const time = new Date().toISOString();
  const origin = await findOrigin(source);
  const train = await dataVersion(origin, images, signal);
  if (!heldOut) return { time, train };
  const heldOutOrigin = heldOutSource ? await findOrigin(heldOutSource) : origin;
  return { time, train, validation: await dataVersion(heldOutOrigin, heldOut, signal) };
}

/** @throws McLossError ERR_DATASET where a run that began with some images would go on with others, by name or content */
export async function requireSameImages(
  { dir, validation = dir }: { dir: string; validation?: string },
  { images, heldOut }: TrainingSets,
  began: RunImages,
  now: RunImages,
): Promise<void> {
  requireSameList("training", dir, began.train, now.train);
  requireSameList("held-out", validation, began.validation, now.validation);
  const since = Date.parse(began.time);
  if (began.train.contents !== now.train.contents) throw await otherContents(dir, images, since);
  if (heldOut && began.validation?.contents !== now.validation?.contents) {
    throw await otherContents(validation, heldOut, since);
  }
}

function requireSameList(
  kind: string,
  path: string,
  began: DataVersion | undefined,
  now: DataVersion | undefined,
): void {
  if (began?.sha256 === now?.sha256) return;
  const text =
    `${path} has ${now?.count ?? 0} ${kind} images, which are not the ${began?.count ?? 0} that the run began with: ` +
    `bring those back, or start a new run`;
  throw new McLossError("ERR_DATASET", text, { path });
}

const MOST_NAMED = 3;

async function otherContents(path: string, { samples }: ListDataset, since: number): Promise<McLossError> {
  const changed = await findChanged(
    samples.map((sample) => sample.path),
    since,
  );
  const named = changed.slice(0, MOST_NAMED).join(", ") + (changed.length > MOST_NAMED ? ", …" : "");
  const which = changed.length > 0 ? ` Changed since then: ${named}` : "";
  const text =
    `images in ${path} have the names and not the content that they had when the run began: ` +
    `bring those back, or start a new run.${which}`;
  return new McLossError("ERR_DATASET", text, { path });
}
