// What a program usually needs. The rest is in the subpaths: lib/api.
export { McLossError, type ErrorCode } from "./errors.js";

export { tensor } from "./tensor/creation.js";
export { cuda } from "./tensor/cuda.js";
export type { Device, Dtype, TypedArray } from "./native/dtype.js";
export { noGrad } from "./tensor/grad-mode.js";
export { memory } from "./tensor/memory.js";
export { keep, tidy } from "./tensor/scope.js";
export { manualSeed, Tensor } from "./tensor/tensor.js";

export { ChannelGroups } from "./loss/channel-groups.js";
export { mcLoss, type McLossOptions } from "./loss/mc-loss.js";

export type { Dataset, Sample } from "./data/dataset.js";
export { ImageFolder } from "./data/image-folder.js";
export { openDataset } from "./data/open-dataset.js";
export type { TransformSpec } from "./image/transforms.js";
export { DataLoader } from "./loader/data-loader.js";

export * from "./models/networks/index.js";
export { saveModel } from "./models/checkpoint.js";
export { Model } from "./models/model.js";
export type { ModelSpec } from "./models/spec.js";

export { loadModel } from "./run/load-model.js";

export { clipGradNorm } from "./optim/clip.js";
export { AdamW, SGD } from "./optim/named-optimizers.js";

export { train, type TrainOptions, type TrainResult } from "./recipes/train.js";

export { evaluate } from "./train/evaluate.js";
export type { TrainingEvent } from "./train/events.js";
export type { LossOptions } from "./train/losses.js";
export { Trainer } from "./train/trainer.js";
export type { FitOptions, TrainerOptions } from "./train/trainer-options.js";

export type { Prediction } from "./models/prediction.js";
export { Classifier } from "./predict/classifier.js";
export { predict } from "./predict/predict.js";
