import type { Dataset, Model, TransformSpec } from "mutual-channel-loss";

/** A division of a data set: what is trained on and what is held out, by name. */
export interface Division {
  train: Dataset;
  held: Readonly<Record<string, Dataset>>;
}

/** Images and the network that fits them. */
export interface StudySet {
  classes: readonly string[];
  /** ξ */
  channelsPerClass: number;
  /** Side of the network's input in pixels, a multiple of 8. */
  inputSize: number;
  augmentation(model: Model): TransformSpec[];
  /** "tune" holds out what settings are chosen by; every other division holds out its test images, as "test". */
  divide(division: string): Division;
}
