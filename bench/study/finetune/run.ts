import { DataLoader, mobilenet_v2, Trainer, type LossOptions } from "mutual-channel-loss";
import { ListDataset } from "mutual-channel-loss/data";
import { loadWeights } from "mutual-channel-loss/models";
import { evaluateLocalisation } from "mutual-channel-loss/visualize";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { pretrainedTransforms } from "#lib/image/presets.js";
import { trainUnfinished } from "../result-file.js";
import { rounded, secondsSince } from "../rounded.js";
import { versions } from "../versions.js";
import { listTests, listTrials } from "./plan.js";
import { FINE_TUNINGS, type FineTuned, type FineTuning, type FineTuningResult } from "./results.js";

/** What the command line says. */
export interface FineTuneOptions {
  /** CUB-200-2011 or the first classes of it, in the published layout. */
  images: string;
  /** Of MobileNetV2 on ImageNet with inputs from −1 to 1 and normalisations folded into the convolutions. */
  weights: string;
  seeds: readonly number[];
  /** Milliseconds of performance.now() after which no run begins. */
  deadline: number;
}

interface Images {
  train: ListDataset;
  held: ListDataset;
}

const SIDE = 224;
const BATCH_SIZE = 16;
const MC_WEIGHTS = { alpha: 1.5, beta: 1 };
/** Channels of each class in the adapter. */
const OWN_CHANNELS = 3;
const NEW_LAYERS = ["classifier", "adapter"];
/** What is trained of the network: not the first blocks, nor the statistics of normalisations, which are folded. */
const TRAINED = {
  trial: /^features\.([4-9]|1\d)\..*(weight|bias)$/,
  test: /^features\.([7-9]|1\d)\..*(weight|bias)$/,
} as const;
/** Epochs of a test in which the new layers alone are trained; short trials have none. */
const HEAD_EPOCHS = 1;

/** Tries the rates on a part of the training images, then tests the best of each loss; goes on where it was. */
export async function fineTune(options: FineTuneOptions, signal: AbortSignal): Promise<void> {
  const { images: dir, weights, seeds, deadline } = options;
  const { images, heldOut } = await openTrainingSets({ dir, allowPartial: true });
  if (!heldOut) throw new Error(`${dir} needs a test part`);
  const trial = divide(images);
  const test = { train: images, held: heldOut };
  const runAll = (runs: readonly FineTuning[], data: Images) =>
    trainUnfinished(runs, {
      file: FINE_TUNINGS,
      deadline,
      train: (run) => train(run, data, weights, signal),
      describe: ({ stage, loss, learningRate, seed, accuracy, seconds }) => {
        const reached = `${(100 * accuracy).toFixed(1)} % in ${seconds} s`;
        return `${stage}, ${loss}, learning rate ${learningRate}, seed ${seed}: ${reached}`;
      },
    });
  await runAll(listTrials(), trial);
  await runAll(listTests(FINE_TUNINGS.read(), seeds), test);
}

/** Half of the training images of each class to train on, and a fifth that chooses. */
function divide({ classes, samples }: ListDataset): Images {
  const seen = new Map<number, number>();
  const parts = samples.map((sample) => {
    const position = seen.get(sample.label) ?? 0;
    seen.set(sample.label, position + 1);
    return { sample, place: position % 10 };
  });
  const take = (places: readonly number[]) =>
    new ListDataset(
      classes,
      parts.filter(({ place }) => places.includes(place)).map(({ sample }) => sample),
    );
  return { train: take([0, 2, 4, 6, 8]), held: take([1, 5]) };
}

async function train(
  run: FineTuning,
  { train: images, held }: Images,
  weights: string,
  signal: AbortSignal,
): Promise<FineTuningResult> {
  const { stage, loss, learningRate, epochs, seed } = run;
  const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
  const transforms = pretrainedTransforms(
    { resize: 256, crop: SIDE, interpolation: "bilinear", normalization: half },
    SIDE,
    "flip",
  );
  const { classes } = images;
  using model = mobilenet_v2({
    classes: classes.length,
    inputSize: SIDE,
    seed,
    info: { classNames: classes, transforms: transforms.evaluation },
    ...(loss === "mc" && { adapter: { channelsPerClass: OWN_CHANNELS, head: "backbone" } }),
  });
  await loadWeights(model, weights, { signal });
  const fresh = NEW_LAYERS.filter((name) => model.parameters(name).length > 0);
  const trainer = new Trainer(model, {
    epochs,
    seed,
    loss: lossOptions(loss),
    optimizer: {
      ...{ type: "sgd", learningRate, momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
      groups: fresh.map((pattern) => ({ pattern, learningRate: 10 * learningRate })),
    },
    schedule: { type: "cosine", warmupEpochs: 1 },
    clipNorm: 5,
    unfreeze: [
      ...fresh.map((pattern) => ({ epoch: 0, pattern })),
      { epoch: stage === "test" ? HEAD_EPOCHS : 0, pattern: TRAINED[stage] },
    ],
  });
  const loader = new DataLoader(images, {
    ...{ batchSize: BATCH_SIZE, shuffle: true, dropLast: true, seed },
    transforms: transforms.train,
  });
  const validation = new DataLoader(held, { batchSize: 32, transforms: transforms.evaluation });
  const started = performance.now();
  let result: FineTuningResult | undefined;
  for await (const event of trainer.fit(loader, {
    ...{ validation, validateEvery: epochs, channelHealth: false, signal },
  })) {
    if (event.type !== "epoch") continue;
    console.log(
      `  epoch ${event.epoch}: training loss ${event.train.loss.toFixed(3)}, ${secondsSince(started)} s`,
    );
    if (!event.validation) continue;
    const { accuracy, groupAccuracy = NaN } = event.validation;
    const shares = rounded({ accuracy, groupAccuracy, trainAccuracy: event.train.accuracy });
    result = {
      ...run,
      weights: loss === "mc" ? MC_WEIGHTS : undefined,
      images: { train: images.length, held: held.length },
      ...shares,
      seconds: secondsSince(started),
      versions: versions(),
    };
  }
  if (!result) throw new Error("nothing was evaluated");
  if (stage === "trial") return result;
  const { channels, cam } = await evaluateLocalisation(model, held, { signal });
  return { ...result, ...rounded({ pointing: channels.pointing, camPointing: cam.pointing }) };
}

function lossOptions(loss: FineTuned): LossOptions {
  return loss === "ce" ? loss : MC_WEIGHTS;
}
