import {
  DataLoader,
  Model,
  smallResNet,
  Trainer,
  type Device,
  type ImageFolder,
  type ModelSpec,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { normalize, randomHorizontalFlip, resize } from "mutual-channel-loss/data";

/** A run in which everything that can be drawn, averaged or scheduled is. */
export const OPTIONS: TrainerOptions = {
  epochs: 3,
  loss: { alpha: 1.5, beta: 2, betaWarmupEpochs: 1.5 },
  optimizer: { type: "adamw", learningRate: 0.01 },
  schedule: { type: "oneCycle" },
  ema: 0.9,
  clipNorm: 5,
};

/** The network with dropout before its classifier. */
export function withDropout(spec: ModelSpec): ModelSpec {
  const layers = spec.layers.flatMap((layer) =>
    layer.name === "flatten" ? [layer, { type: "dropout" as const, name: "dropout" }] : [layer],
  );
  return { ...spec, layers };
}

/** With dropout, whose draws must go on as well. */
export function networkOf(images: ImageFolder): Model {
  const { spec } = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
  return new Model(withDropout(spec), { info: { classNames: images.classes, normalization: normalize() } });
}

export function loaderOf(images: ImageFolder, device: Device = "cpu"): DataLoader {
  const transforms = [resize(32), randomHorizontalFlip(), normalize()];
  return new DataLoader(images, { batchSize: 8, shuffle: true, transforms, device });
}

/** Trains in `output` until `stopAfter` steps are done, or to the end. */
export async function trainIn(
  images: ImageFolder,
  output: string,
  {
    stopAfter = Infinity,
    resume = false,
    device = "cpu",
    onEvent,
    model: make = networkOf,
    ...options
  }: {
    stopAfter?: number;
    resume?: boolean;
    device?: Device;
    onEvent?: (event: TrainingEvent) => void;
    model?: (images: ImageFolder) => Model;
  } & TrainerOptions = {},
): Promise<Model> {
  const model = await make(images).to(device);
  const trainer = new Trainer(model, { ...OPTIONS, ...options, output });
  const controller = new AbortController();
  const validation = new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()], device });
  const { signal } = controller;
  for await (const event of trainer.fit(loaderOf(images, device), { signal, resume, validation })) {
    onEvent?.(event);
    if (event.type === "step" && event.step === stopAfter) controller.abort();
  }
  return model;
}
