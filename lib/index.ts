export { McLossError, type ErrorCode, type ErrorDetails } from "./errors.js";

export { tensor, zeros, type TensorOptions } from "./tensor/creation.js";
export type { NestedNumbers, Scalar } from "./tensor/elements.js";
export {
  Complex,
  Generator,
  listOperators,
  manualSeed,
  ops,
  opsInTurn,
  ScriptObject,
  Tensor,
  type OpArgument,
  type OperatorDescription,
  type OpResult,
  type ReductionOptions,
} from "./tensor/tensor.js";
export * from "./tensor/operators.js";
export type { CreationOptions, MemoryFormat, NamedResults, NativeObject, Reduction } from "./tensor/ops.js";
export { slice, type Slice, type TensorIndex } from "./tensor/indexing.js";
export type { Device, Dtype, TypedArray } from "./native/dtype.js";
export type { Precision } from "./tensor/precision.js";
export { backward, grad, type BackwardOptions, type GradOptions } from "./tensor/autograd.js";
export type { GraphOptions } from "./tensor/backward.js";
export { enableGrad, inferenceMode, noGrad } from "./tensor/grad-mode.js";
export { detectAnomaly } from "./tensor/anomaly.js";
export { checkpoint } from "./tensor/checkpoint.js";
export {
  customFunction,
  type BackwardContext,
  type CustomFunction,
  type ForwardContext,
  type InputGradients,
} from "./tensor/custom-function.js";
export type { HookHandle, HookResult } from "./tensor/hooks.js";
export { keep, tidy, type Releasable } from "./tensor/scope.js";
export { emptyCache, memory, type AllocatorUsage, type MemoryUsage } from "./tensor/memory.js";
export { debugMemory, type UndisposedTensor } from "./tensor/memory-debug.js";
export type { AbortOptions } from "./native/abortable.js";
export { allowTf32, chooseDevice, cuda } from "./tensor/cuda.js";

export { ChannelGroups, type ChannelBlock } from "./loss/channel-groups.js";
export {
  mcLoss,
  mcLossAsync,
  type ChannelLossOptions,
  type McLossOptions,
  type McLossTerms,
  type Pooling,
} from "./loss/mc-loss.js";

export {
  ChannelHealthTally,
  type ChannelChance,
  type ChannelHealth,
  type ChannelHealthReport,
  type ClassChannelHealth,
} from "./loss/channel-health.js";

export * from "./models/index.js";

export * from "./optim/index.js";

export * from "./data/index.js";

export * from "./recipes/index.js";

export type { GroupRates, OptimizerSpec } from "./train/build-optimizer.js";
export { RESUMABLE_KEYS } from "./run/option-changes.js";
export type { OptionChange, RunInfo } from "./run/run-info.js";
export type { FitOptions, TrainerOptions } from "./train/trainer-options.js";
export type { JudgedEpoch } from "./run/best-checkpoint.js";
export type { Figure, Monitor } from "./train/monitor.js";
export { Run, type TrainingResult } from "./train/run.js";
export { Trainer } from "./train/trainer.js";
export type {
  CheckpointEvent,
  EpochEvent,
  EpochRecord,
  NoticeEvent,
  StepEvent,
  TrainingEvent,
} from "./train/events.js";
export { evaluate, type EvaluateOptions, type Evaluation, type EvaluationSummary } from "./train/evaluate.js";
export { evaluateChannels, type EvaluateChannelsOptions } from "./train/evaluate-channels.js";
export type { ClassificationScores, ClassScores } from "./train/classification-scores.js";
export type { UnfreezeRule } from "./train/unfreeze.js";
export type { Metrics } from "./train/metrics.js";
export type {
  ChannelObjective,
  ClassificationLoss,
  CrossEntropyLoss,
  FocalLoss,
  LossOptions,
} from "./train/objective.js";
export type { CenterLossOptions } from "./train/class-centers.js";

export {
  compareRuns,
  type ComparedRun,
  type Comparison,
  type Gain,
  type RunGroup,
} from "./compare/compare-runs.js";
export { comparisonTable } from "./compare/comparison-table.js";
export { ABLATIONS, ablate, type AblateOptions, type AblationRun } from "./compare/ablate.js";
export type { Spread } from "./compare/statistics.js";

export { predict, type FilePrediction, type PredictFilesOptions } from "./predict/predict.js";
export { Classifier, type ClassifierOptions } from "./predict/classifier.js";
export type { ClassScore, ImageInput, Prediction, PredictOptions } from "./models/prediction.js";

export { writeConfusion } from "./pictures/confusion.js";
export { exportOnnx, type ExportOnnxOptions } from "./export/onnx.js";

export { renderImageSheet, type ImageSheetOptions } from "./visualize/image-sheet.js";
export { renderClassSheet, type ClassSheetOptions } from "./visualize/class-sheet.js";
export {
  findExcitingImages,
  type Excitation,
  type ExcitingImagesOptions,
} from "./visualize/exciting-images.js";
export { camMethod, type CamMethod } from "./visualize/class-activation-map.js";
export {
  evaluateLocalisation,
  type Localisation,
  type LocalisationOptions,
  type LocalisationScore,
} from "./visualize/localisation.js";

export { writeReport, type Report, type ReportOptions } from "./report/write-report.js";
export { watchRun, type RunWatch, type WatchOptions } from "./report/watch-run.js";
export type { EpochScores, RunSummary } from "./report/summarize-run.js";

export { saveModel, type LoadModelOptions } from "./models/checkpoint.js";
export { loadModel } from "./run/load-model.js";
export { loadWeights, type LoadedWeights, type LoadWeightsOptions } from "./models/load-weights.js";
export { loadStateDict, saveStateDict } from "./io/state-dict.js";
export type { LoadStateDictOptions } from "./io/state-file.js";
export {
  openSafetensors,
  SafetensorsFile,
  writeSafetensors,
  type SaveStateDictOptions,
} from "./io/safetensors.js";
export type { TensorInfo } from "./io/safetensors-header.js";
