import { existsSync } from "node:fs";
import { join } from "node:path";
import { augmentation, evaluationTransforms, type AugmentationLevel } from "../data/presets.js";
import {
  DataLoader,
  ImageFolder,
  Model,
  normalize,
  resnet18,
  resnet50,
  smallResNet,
  Trainer,
  vgg16,
  type LossOptions,
} from "../index.js";
import { printJson } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { printLine } from "./progress.js";
import { reportTraining } from "./report-training.js";

export interface TrainFolderOptions {
  dir: string;
  validation?: string;
  model: "small-resnet" | "resnet18" | "resnet50" | "vgg16";
  loss: "mc" | "ce";
  alpha: number;
  beta: number;
  channelsPerClass: number;
  imageSize?: number;
  epochs: number;
  batchSize: number;
  learningRate: number;
  seed: number;
  augment: AugmentationLevel;
  onBadImage: "error" | "skip";
  out: string;
  json?: boolean;
}

const NETWORKS = { "small-resnet": smallResNet, resnet18, resnet50, vgg16 };

/** `mcloss train`: a folder of images to a checkpoint. */
export async function trainFolder(options: TrainFolderOptions): Promise<void> {
  const signal = interruptSignal();
  const folders = findFolders(options);
  const images = await ImageFolder.open(folders.train);
  const model = buildModel(options, images.classes);
  const { batchSize, onBadImage, seed } = options;
  const shared = { batchSize, onBadImage, seed };
  const train = new DataLoader(images, {
    ...shared,
    shuffle: true,
    dropLast: images.length > batchSize,
    transforms: augmentation(model, options.augment),
  });
  const validation = folders.validation
    ? new DataLoader(await ImageFolder.open(folders.validation, { classes: images.classes }), {
        ...shared,
        transforms: evaluationTransforms(model),
      })
    : undefined;
  const trainer = new Trainer(model, {
    epochs: options.epochs,
    loss: lossOf(options),
    optimizer: { learningRate: options.learningRate, momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
    seed,
    output: options.out,
  });
  printLine(
    `${images.length} images of ${images.classes.length} classes · ${model.spec.name} · ${options.loss}`,
  );
  const events = trainer.fit(train, { signal, ...(validation ? { validation } : {}) });
  const { last } = await reportTraining(events, "training", options.json ?? false);
  for (const { path, reason } of train.skipped) printLine(`skipped ${path}: ${reason}`);
  const checkpoint = join(options.out, "last.safetensors");
  if (options.json) return printJson({ checkpoint, ...last, bad: train.skipped });
  process.stdout.write(`checkpoint ${checkpoint}\n`);
}

function findFolders({ dir, validation }: TrainFolderOptions): { train: string; validation?: string } {
  if (validation !== undefined) return { train: dir, validation };
  const train = join(dir, "train");
  if (!existsSync(train)) return { train: dir };
  const heldOut = ["val", "validation", "test"]
    .map((name) => join(dir, name))
    .find((path) => existsSync(path));
  return heldOut === undefined ? { train } : { train, validation: heldOut };
}

function buildModel(options: TrainFolderOptions, classNames: readonly string[]): Model {
  const { channelsPerClass, imageSize, seed } = options;
  const network = NETWORKS[options.model]({
    classes: classNames.length,
    channelsPerClass,
    ...(imageSize === undefined ? {} : { inputSize: imageSize }),
  });
  const { mean, std } = normalize();
  return new Model(network.spec, { seed, info: { classNames, normalization: { mean, std } } });
}

function lossOf({ loss, alpha, beta }: TrainFolderOptions): LossOptions {
  return loss === "ce" ? "ce" : { alpha, beta };
}
