import { basename, resolve } from "node:path";
import { DataLoader, Model, smallResNet, Trainer } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { evaluateLocalisation } from "mutual-channel-loss/visualize";
import { augmentation, evaluationTransforms } from "#lib/image/presets.js";
import { DEFAULT_OPTIMIZER } from "#lib/train/defaults.js";
import { trainUnfinished } from "../result-file.js";
import { rounded, secondsSince } from "../rounded.js";
import { versions } from "../versions.js";
import { openPhotos, type Photos } from "./images.js";
import { lossOptions, nameLoss, type PhotosLoss } from "./losses.js";
import { PHOTOS_RESULTS, type PhotosResult, type PhotosRun } from "./results.js";

/** What the command line says. */
export interface PhotosOptions {
  /** A folder with train/CLASS/ and test/CLASS/, or a published set. */
  images: string;
  /** Default: the folder's name. */
  name?: string;
  losses: readonly PhotosLoss[];
  epochs: number;
  size: number;
  /** Side of the last map: a quarter, an eighth or a sixteenth of `size`. */
  places: number;
  seeds: readonly number[];
  /** Milliseconds of performance.now() after which no run begins. */
  deadline: number;
}

const BATCH_SIZE = 32;
const EVALUATED_EVERY = 5;

/** Trains the default recipe's network with each loss, seed by seed; goes on where it was. */
export async function studyPhotos(options: PhotosOptions, signal: AbortSignal): Promise<void> {
  const { images, name: set = basename(resolve(images)), losses, epochs, size, seeds, deadline } = options;
  strideOf(options);
  const photos = await openPhotos(images);
  const runs = seeds.flatMap((seed) =>
    losses.map((loss): PhotosRun => ({ set, loss, epochs, size, places: options.places ** 2, seed })),
  );
  await trainUnfinished(runs, {
    file: PHOTOS_RESULTS,
    deadline,
    train: (run) => train(photos, run, signal),
    describe: ({ loss, seed, accuracy, habit, seconds }) => {
      const [correct, kept] = [accuracy, habit].map((share) => (100 * share).toFixed(1));
      return `${set}, ${nameLoss(loss)}, seed ${seed}: ${correct} %, habit ${kept} % in ${seconds} s`;
    },
  });
}

function strideOf({ size, places }: Pick<PhotosOptions, "size" | "places">): 4 | 8 | 16 {
  const stride = size / places;
  if (stride === 4 || stride === 8 || stride === 16) return stride;
  throw new Error(
    `--places must be ${size / 4}, ${size / 8} or ${size / 16} with --image-size ${size}, not ${places}`,
  );
}

/** @param look is shown the trained network */
export async function train(
  { train: images, test, boxed }: Photos,
  run: PhotosRun,
  signal: AbortSignal,
  look?: (model: Model) => Promise<void>,
): Promise<PhotosResult> {
  const { loss, epochs, size, seed } = run;
  const { length: classes } = images.classes;
  const stride = strideOf({ size, places: Math.sqrt(run.places) });
  const { mean, std } = normalize();
  const info = { classNames: images.classes, normalization: { mean, std } };
  const spec = smallResNet.spec({ classes, inputSize: size, stride });
  const beforeReLU = loss !== "ce" && loss.beforeReLU;
  using model = new Model(beforeReLU ? { ...spec, features: "bn2" } : spec, { seed, info });
  const loader = new DataLoader(images, {
    ...{ batchSize: BATCH_SIZE, shuffle: true, dropLast: images.length > BATCH_SIZE, seed },
    transforms: augmentation(model, "flip"),
  });
  const validation = new DataLoader(test, { batchSize: 64, transforms: evaluationTransforms(model) });
  const trainer = new Trainer(model, { epochs, loss: lossOptions(loss), seed, optimizer: DEFAULT_OPTIMIZER });
  const started = performance.now();
  let [bestAccuracy, result] = [0, undefined as PhotosResult | undefined];
  for await (const event of trainer.fit(loader, { validation, validateEvery: EVALUATED_EVERY, signal })) {
    if (event.type !== "epoch" || !event.validation) continue;
    bestAccuracy = Math.max(bestAccuracy, event.validation.accuracy);
    if (!event.channels) continue;
    const { accuracy, groupAccuracy = 0 } = event.validation;
    const { diversity, alignment, habit, ownHabit } = event.channels;
    const shares = { accuracy, bestAccuracy, groupAccuracy, trainAccuracy: event.train.accuracy };
    result = {
      ...run,
      classes,
      images: { train: images.length, test: test.length },
      ...rounded({ ...shares, diversity, alignment, habit, ownHabit }),
      seconds: secondsSince(started),
      versions: versions(),
    };
  }
  if (!result) throw new Error("the channels were not measured");
  await look?.(model);
  if (!boxed) return result;
  const { channels } = await evaluateLocalisation(model, test, { signal });
  return { ...result, ...rounded({ pointing: channels.pointing, boxIou: channels.iou }) };
}
