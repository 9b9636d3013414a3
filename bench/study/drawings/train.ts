import { DataLoader, smallResNet, Trainer } from "mutual-channel-loss";
import { evaluationTransforms } from "#lib/image/presets.js";
import { LOSSES } from "./losses.js";
import type { Result, Run, Score } from "./results.js";
import type { StudySet } from "./sets/study-set.js";
import { versions } from "../versions.js";

const BATCH_SIZE = 32;

/** Trains once, as the demo does but for the setting, and evaluates what is held out after the last epoch. */
export async function train(
  set: StudySet,
  head: "avg" | "max",
  run: Run,
  signal: AbortSignal,
): Promise<Result> {
  const { division, loss, learningRate, epochs, seed } = run;
  const { train, held } = set.divide(division);
  const { classes, channelsPerClass, inputSize } = set;
  using model = smallResNet({ classes: classes.length, channelsPerClass, inputSize, pool: head, seed });
  const transforms = set.augmentation(model);
  const loader = new DataLoader(train, {
    batchSize: BATCH_SIZE,
    shuffle: true,
    dropLast: true,
    seed,
    transforms,
  });
  const optimizer = { learningRate, momentum: 0.9, nesterov: true, weightDecay: 5e-4 };
  const trainer = new Trainer(model, { epochs, loss: LOSSES[loss], seed, optimizer });
  const started = performance.now();
  let trainAccuracy = 0;
  for await (const event of trainer.fit(loader, { signal })) {
    if (event.type === "epoch") trainAccuracy = event.train.accuracy;
  }
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const scores: Record<string, Score> = {};
  for (const [name, dataset] of Object.entries(held)) {
    const images = new DataLoader(dataset, { batchSize: 64, transforms: evaluationTransforms(model) });
    const { accuracy, groupAccuracy, images: count } = await trainer.evaluate(images, { signal });
    scores[name] = { images: count, accuracy: round(accuracy), groupAccuracy: round(groupAccuracy ?? NaN) };
  }
  const { alpha, beta } = loss === "ce" ? { alpha: 0, beta: 0 } : LOSSES[loss];
  return {
    ...{ division, head, loss, alpha, beta, learningRate, epochs, seed },
    ...{ trainAccuracy: round(trainAccuracy), held: scores, seconds, versions: versions() },
  };
}

function round(share: number): number {
  return Math.round(share * 1e5) / 1e5;
}
