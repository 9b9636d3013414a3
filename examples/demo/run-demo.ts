import { join } from "node:path";
import { evaluationTransforms } from "#lib/image/presets.js";
import { ImageFolder } from "#lib/data/image-folder.js";
import { DataLoader } from "#lib/loader/data-loader.js";
import { normalize } from "#lib/image/transforms.js";
import { runFiles } from "#lib/run/run-files.js";
import { smallResNet } from "#lib/models/networks/index.js";
import type { Model } from "#lib/models/model.js";
import type { Evaluation } from "#lib/train/evaluate.js";
import type { TrainingEvent } from "#lib/train/events.js";
import type { LossOptions } from "#lib/train/losses.js";
import { Trainer } from "#lib/train/trainer.js";
import { drawingAugmentation } from "./augmentation.js";
import type { EmojiFaces } from "./emoji-faces.js";

export interface DemoOptions {
  faces: EmojiFaces;
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
  test: ImageFolder;
  /** On the held-out styles, after the last epoch. */
  evaluation: Evaluation;
  checkpoint: string;
  imagesPerSecond: number;
  seconds: number;
}

/** What the demo compares, with the weights that fit these images. */
export const DEMO_LOSSES = {
  ce: "ce",
  mc: { alpha: 1.5, beta: 10 },
} as const satisfies Record<string, LossOptions>;

const BATCH_SIZE = 32;

/** Trains the demo's network with one of the losses; both start from the same weights and see the same images. */
export async function* runDemo(
  name: keyof typeof DEMO_LOSSES,
  options: DemoOptions,
): AsyncGenerator<TrainingEvent, DemoRun, void> {
  const { faces, epochs, seed, pooling, signal } = options;
  const train = await ImageFolder.open(faces.train);
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
    dropLast: true,
    seed,
    transforms: drawingAugmentation(model),
  });
  const output = join(options.output, name);
  const loss = DEMO_LOSSES[name];
  const trainer = new Trainer(model, { epochs, loss, seed, output, overwrite: true });
  let imagesPerSecond = 0;
  const started = performance.now();
  for await (const event of trainer.fit(loader, signal ? { signal } : {})) {
    if (event.type === "epoch") imagesPerSecond += event.imagesPerSecond / epochs;
    yield event;
  }
  const seconds = (performance.now() - started) / 1000;
  const test = await ImageFolder.open(faces.test, { classes: train.classes });
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
