import { join } from "node:path";
import { evaluationTransforms } from "#lib/image/presets.js";
import type { Dataset } from "#lib/data/dataset.js";
import { DataLoader } from "#lib/loader/data-loader.js";
import { normalize } from "#lib/image/transforms.js";
import { runFiles } from "#lib/run/run-files.js";
import { smallResNet } from "#lib/models/networks/index.js";
import type { Model } from "#lib/models/model.js";
import type { Evaluation } from "#lib/train/evaluate.js";
import type { TrainingEvent } from "#lib/train/events.js";
import { Trainer } from "#lib/train/trainer.js";
import type { DemoImages } from "./demo-images.js";

export interface DemoOptions {
  images: DemoImages;
  epochs: number;
  seed: number;
  /** How the classifier pools the features. */
  pooling: "avg" | "max";
  /** Folder for the checkpoints. */
  output: string;
  signal?: AbortSignal;
}

export interface DemoRun {
  model: Model;
  /** The held-out images. */
  test: Dataset;
  /** On the held-out styles, after the last epoch. */
  evaluation: Evaluation;
  checkpoint: string;
  imagesPerSecond: number;
  seconds: number;
}

const BATCH_SIZE = 32;

/** Trains the demo's network with one of the losses; both start from the same weights and see the same images. */
export async function* runDemo(
  name: keyof DemoImages["losses"],
  options: DemoOptions,
): AsyncGenerator<TrainingEvent, DemoRun, void> {
  const { images, epochs, seed, pooling, signal } = options;
  const { train, test } = images;
  const { mean, std } = normalize();
  const info = { classNames: train.classes, normalization: { mean, std } };
  const model = smallResNet({
    classes: train.classes.length,
    channelsPerClass: 3,
    pool: pooling,
    seed,
    info,
  });
  const loader = new DataLoader(train, {
    batchSize: BATCH_SIZE,
    shuffle: true,
    dropLast: train.length > BATCH_SIZE,
    seed,
    transforms: images.augmentation(model),
  });
  const output = join(options.output, name);
  const loss = images.losses[name];
  const trainer = new Trainer(model, { epochs, loss, seed, output, overwrite: true });
  let imagesPerSecond = 0;
  const started = performance.now();
  for await (const event of trainer.fit(loader, signal ? { signal } : {})) {
    if (event.type === "epoch") imagesPerSecond += event.imagesPerSecond / epochs;
    yield event;
  }
  const seconds = (performance.now() - started) / 1000;
  const held = new DataLoader(test, { batchSize: 2 * BATCH_SIZE, transforms: evaluationTransforms(model) });
  const evaluation = await trainer.evaluate(held);
  return {
    model,
    test,
    evaluation,
    checkpoint: runFiles(output).last,
    imagesPerSecond,
    seconds,
  };
}
