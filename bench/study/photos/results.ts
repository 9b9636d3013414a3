import { ResultFile } from "../result-file.js";
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

export const PHOTOS_RESULTS = new ResultFile<PhotosRun, PhotosResult>(
  new URL("../../results/photos.jsonl", import.meta.url),
  ({ set, loss, epochs, size, places, seed }) => [set, nameLoss(loss), epochs, size, places, seed].join(),
);
