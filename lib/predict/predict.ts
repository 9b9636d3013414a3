import { pMapIterable } from "p-map";
import { McLossError } from "../errors.js";
import type { Model } from "../models/model.js";
import { Classifier, type ClassifierOptions, type Prediction, type PredictOptions } from "./classifier.js";

/** What a model says of one file. */
export interface FilePrediction extends Prediction {
  /** The image's. */
  path: string;
}

/** Options of {@link predict}. */
export interface PredictFilesOptions extends ClassifierOptions, PredictOptions {
  /** Called, in the files' order, in place of an image that cannot be read. Default: its error is thrown. */
  onBadImage?: (path: string, error: McLossError) => void;
}

interface Outcome {
  path: string;
  result: Prediction | McLossError;
}

/**
 * The most probable classes of each image, one image after another. Images are decoded at once and go through the network
 * in batches; of `paths`, which may be endless, no more is taken than two batches ahead.
 * @throws McLossError ERR_IMAGE naming the file, unless `onBadImage` takes it
 */
export function predict(
  model: Model,
  paths: Iterable<string> | AsyncIterable<string>,
  options: PredictFilesOptions = {},
): AsyncGenerator<FilePrediction, void, void> {
  return predictAll(model.hold(), paths, options);
}

async function* predictAll(
  held: Model,
  paths: Iterable<string> | AsyncIterable<string>,
  options: PredictFilesOptions,
): AsyncGenerator<FilePrediction, void, void> {
  using model = held;
  const { maxBatch = 32, onBadImage } = options;
  const classifier = new Classifier(model, options);
  const predictOne = async (path: string): Promise<Outcome> => ({
    path,
    result: await classifier.predict(path, options).catch(asBadImage),
  });
  const concurrency = 2 * maxBatch;
  for await (const { path, result } of pMapIterable(paths, predictOne, { concurrency })) {
    if (!(result instanceof McLossError)) yield { path, ...result };
    else if (onBadImage) onBadImage(path, result);
    else throw result;
  }
}

function asBadImage(error: unknown): McLossError {
  if (error instanceof McLossError && error.code === "ERR_IMAGE") return error;
  throw error;
}
