export { McLossError, type ErrorCode } from "./errors.js";

export { tensor, zeros, type NestedNumbers, type TensorOptions } from "./tensor/creation.js";
export {
  Generator,
  manualSeed,
  ops,
  Tensor,
  type OpArgument,
  type OpResult,
  type ReductionOptions,
} from "./tensor/tensor.js";
export * from "./tensor/operators.js";
export type { CreationOptions, MemoryFormat, NamedResults, Reduction } from "./tensor/ops.js";
export { slice, type Slice, type TensorIndex } from "./tensor/indexing.js";
export type { Device, Dtype, TypedArray } from "./tensor/dtype.js";
export { grad, type GradOptions } from "./tensor/autograd.js";
export { noGrad } from "./tensor/grad-mode.js";
export { keep, tidy } from "./tensor/scope.js";
export { memory, type MemoryUsage } from "./tensor/memory.js";
export { cuda } from "./tensor/cuda.js";

export { ChannelGroups, type ChannelBlock } from "./loss/channel-groups.js";
export {
  mcLoss,
  type ChannelLossOptions,
  type McLossOptions,
  type McLossTerms,
  type Pooling,
} from "./loss/mc-loss.js";

export * from "./models/index.js";

export { SGD, type ParameterGroup, type SgdOptions } from "./optim/sgd.js";
export { learningRateFactor, type Schedule } from "./optim/schedule.js";

export * from "./data/index.js";

export { Trainer, type FitOptions, type TrainerOptions } from "./train/trainer.js";
export type { CheckpointEvent, EpochEvent, StepEvent, TrainingEvent } from "./train/events.js";
export { evaluate, type EvaluateOptions, type Evaluation } from "./train/evaluate.js";
export type { Metrics } from "./train/metrics.js";
export type { LossOptions } from "./train/objective.js";

export { predict, type ClassScore, type Prediction } from "./predict/predict.js";

export { loadModel, saveModel } from "./io/checkpoint.js";
export {
  loadStateDict,
  saveStateDict,
  type LoadStateDictOptions,
  type SaveStateDictOptions,
} from "./io/state-dict.js";
