import { existsSync, readFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { nameLoss, type PhotosLoss } from "./losses.js";

/** A training of the photographs. */
export interface PhotosRun {
  /** What the photographs are called; runs of sets with a common "name/" are averaged. */
  set: string;
  loss: PhotosLoss;
  epochs: number;
  /** Side of the network's input, in pixels. */
  size: number;
  /** Of the last map: its side, squared. */
  places: number;
  seed: number;
}

/** A finished one: a line of `bench/results/photos.jsonl`. Of the test images; shares are from 0 to 1. */
export interface PhotosResult extends PhotosRun {
  classes: number;
  images: { train: number; test: number };
  /** After the last epoch. */
  accuracy: number;
  /** Of the epochs that were evaluated: every fifth, and the last. */
  bestAccuracy: number;
  groupAccuracy: number;
  trainAccuracy: number;
  /** As in ChannelHealth. */
  diversity: number;
  alignment: number;
  habit: number;
  ownHabit: number;
  /** Where test images have boxes: as in LocalisationScore, of the channels. */
  pointing?: number;
  boxIou?: number;
  seconds: number;
  versions: Readonly<Record<string, string>>;
}

const PATH = fileURLToPath(new URL("../../results/photos.jsonl", import.meta.url));

export function readPhotosResults(): PhotosResult[] {
  if (!existsSync(PATH)) return [];
  const lines = readFileSync(PATH, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as PhotosResult);
}

export async function appendPhotosResult(result: PhotosResult): Promise<void> {
  await appendFile(PATH, `${JSON.stringify(result)}\n`);
}

export function isDone(results: readonly PhotosResult[], run: PhotosRun): boolean {
  return results.some(
    (result) =>
      result.set === run.set &&
      nameLoss(result.loss) === nameLoss(run.loss) &&
      result.epochs === run.epochs &&
      result.size === run.size &&
      result.places === run.places &&
      result.seed === run.seed,
  );
}
