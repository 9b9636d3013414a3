export type { AdamOptions } from "../optim/optimizers/adam.js";
export { clipGradNorm, clipGradValue } from "../optim/clip.js";
export { EMA } from "../optim/ema.js";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "../optim/grad-scaler.js";
export { Adam, AdamW, RMSprop, SGD } from "../optim/named-optimizers.js";
export { Optimizer, type OptimizerStateEntry, type ParameterGroup } from "../optim/optimizer.js";
export type { OptimizerOptions } from "../optim/optimizers.js";
export type { RmspropOptions } from "../optim/optimizers/rmsprop.js";
export { learningRateFactor } from "../optim/schedule.js";
export type { Schedule } from "../optim/schedules.js";
export type { SchedulePosition } from "../optim/schedules/position.js";
export type { SgdOptions } from "../optim/optimizers/sgd.js";

export {
  initProcessGroup,
  type GroupStore,
  type ProcessGroupOptions,
} from "../distributed/init-process-group.js";
export { ProcessGroup, type CollectiveReduction, type GroupBackend } from "../distributed/process-group.js";
export type { GroupRates, OptimizerSpec } from "../train/build-optimizer.js";
export { RESUMABLE_KEYS } from "../run/option-changes.js";
export type { OptionChange, RunInfo, RunLoaders } from "../run/run-info.js";
export type { FitOptions, TrainerOptions } from "../train/trainer-options.js";
export type { JudgedEpoch } from "../run/best-checkpoint.js";
export type { FindRateOptions } from "../train/find-rate.js";
export type { RateSearch } from "../train/rate-search.js";
export type { EarlyStopping } from "../train/early-stopping.js";
export type { Figure, Monitor } from "../train/monitor.js";
export { Run, type TrainingResult } from "../train/run.js";
export { Trainer } from "../train/trainer.js";
export type {
  CheckpointEvent,
  EpochEvent,
  EpochRecord,
  NoticeEvent,
  StepEvent,
  TrainingEvent,
} from "../train/events.js";
export {
  evaluate,
  type EvaluateOptions,
  type Evaluation,
  type EvaluationSummary,
} from "../train/evaluate.js";
export { evaluateChannels, type EvaluateChannelsOptions } from "../train/evaluate-channels.js";
export type { ClassificationScores, ClassScores } from "../train/classification-scores.js";
export type { UnfreezeRule } from "../train/unfreeze.js";
export type { Metrics } from "../train/metrics.js";
export { mixBatch, type MixBatchOptions, type MixedBatch } from "../train/mix-batch.js";
export type { MixingSpec } from "../train/mixings.js";
export type { LossOptions } from "../train/losses.js";
export type { CenterLossOptions } from "../train/losses/center.js";
export type { ChannelObjective } from "../train/losses/channels.js";
export type { ClassificationLoss } from "../train/losses/classification.js";
export type { CrossEntropyLoss } from "../train/losses/cross-entropy.js";
export type { FocalLoss } from "../train/losses/focal.js";

export { changeRecipe } from "../recipes/change.js";
export type { Patch } from "../recipes/patch.js";
export { loadRecipe, parseRecipe, recipes } from "../recipes/read.js";
export {
  sourceOf,
  type PublishedAccuracy,
  type Recipe,
  type RecipeNetwork,
  type Source,
} from "../recipes/recipe.js";
export type { Fold } from "../data/folds.js";
export type { RecipeData, RecipeTraining, TrainRecipeOptions } from "../recipes/recipe-training.js";
export type { RecipeSampler } from "../recipes/recipe-sampler.js";
export { prepareResume, type PrepareResumeOptions } from "../recipes/resume-recipe.js";
export { train, type Changes, type TrainOptions, type TrainResult } from "../recipes/train.js";
export { scaleRecipe, type RecipeScale } from "../recipes/scale.js";
export { prepareRecipe, trainRecipe } from "../recipes/train-recipe.js";
