import { basename, join } from "node:path";
import type { Sample } from "../data/dataset.js";
import { givenLimits } from "../image/limits.js";
import type { RecipeTraining } from "../recipes/recipe-training.js";
import type { EpochEvent } from "../train/events.js";
import type { TensorBoardTracker, TrackedPicture } from "../trackers/tensorboard.js";

const MOST_SHEETS = 4;

/**
 * What `--tensorboard` asks for.
 * @param folder true: in the run's folder
 */
export async function openTensorBoard(
  training: RecipeTraining,
  out: string,
  folder: string | true,
): Promise<TensorBoardTracker> {
  const { tensorBoard } = await import("../trackers/tensorboard.js");
  return tensorBoard(folder === true ? join(out, "tensorboard") : folder, {
    settings: training.recipe,
    pictures: (event) => drawSheets(training, event),
  });
}

/** Sheets of what channels look at, of held-out images of several classes: after the 1st, 2nd, 4th, 8th … and last epoch. */
async function drawSheets(
  { model, images, heldOut = images, recipe }: RecipeTraining,
  { epoch, epochs, stoppedEarly }: EpochEvent,
): Promise<TrackedPicture[]> {
  if (!model.groups || !(isPowerOfTwo(epoch) || epoch === epochs || stoppedEarly)) return [];
  const { renderImageSheet } = await import("../visualize/image-sheet.js");
  const pictures: TrackedPicture[] = [];
  for (const { path, label } of ofSeveralClasses(heldOut.samples)) {
    const tag = `channels/${images.classes[label] ?? label}/${basename(path)}`;
    pictures.push({ tag, png: await renderImageSheet(model, path, givenLimits(recipe)) });
  }
  return pictures;
}

function ofSeveralClasses(samples: readonly Sample[]): Sample[] {
  const firsts = new Map<number, Sample>();
  // A sheet is drawn of a file.
  for (const sample of samples) {
    if (sample.source === undefined && !firsts.has(sample.label)) firsts.set(sample.label, sample);
    if (firsts.size === MOST_SHEETS) break;
  }
  return [...firsts.values()];
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
