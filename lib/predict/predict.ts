import { McLossError } from "../errors.js";
import { holdModel, type Model } from "../models/model.js";
import { mapAhead } from "../prefetch.js";
import { callback, optionsOf, parseOptions } from "../schema.js";
import type { Prediction, PredictOptions } from "../models/prediction.js";
import { Classifier, predictFilesShape, type ClassifierOptions } from "./classifier.js";

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

const schema = optionsOf<PredictFilesOptions>({ ...predictFilesShape, onBadImage: callback.optional() });

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
  const parsed = parseOptions(schema, options);
  return predictAll(holdModel(model), paths, parsed);
}

async function* predictAll(
  held: Model,
  paths: Iterable<string> | AsyncIterable<string>,
  options: PredictFilesOptions,
): AsyncGenerator<FilePrediction, void, void> {
  using model = held;
  const { top, signal, onBadImage, ...settings } = options;
  const { maxBatch = 32 } = settings;
  const classifier = new Classifier(model, settings);
  const asked: PredictOptions = { signal, top };
  const predictOne = async (path: string): Promise<Outcome> => ({
    path,
    result: await classifier.predict(path, asked).catch(asBadImage),
  });
  for await (const { path, result } of mapAhead(paths, 2 * maxBatch - 1, predictOne)) {
    if (!(result instanceof McLossError)) yield { path, ...result };
    else if (onBadImage) onBadImage(path, result);
    else throw result;
  }
}

function asBadImage(error: unknown): McLossError {
  if (error instanceof McLossError && error.code === "ERR_IMAGE") return error;
  throw error;
}
