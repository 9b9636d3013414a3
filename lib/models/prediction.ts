import type { AbortOptions } from "../native/abortable.js";

/** An encoded image: its file's path, or its bytes. */
export type ImageInput = string | Uint8Array;

/** One class and how probable it is. */
export interface ClassScore {
  /** The class's name, or its number where the model has no names. */
  name: string;
  /** The class's number: its place in the logits. */
  index: number;
  /** Softmax of the logits. */
  probability: number;
}

/** What a model says of one image. */
export interface Prediction {
  /** The most probable classes, best first. */
  top: ClassScore[];
  /** What is wrong with a damaged image that was decoded as far as it goes; see `repair` of a `Classifier`. */
  repaired?: string;
}

/** Options of {@link Classifier.predict}. */
export interface PredictOptions extends AbortOptions {
  /** How many classes to tell. Default 5. */
  top?: number;
}

/** What says what is on images. */
export interface Predictor {
  predict(input: ImageInput, options?: PredictOptions): Promise<Prediction>;
  predict(input: readonly ImageInput[], options?: PredictOptions): Promise<Prediction[]>;
}
