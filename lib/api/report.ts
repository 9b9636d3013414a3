export {
  compareRuns,
  type ComparedRun,
  type Comparison,
  type Gain,
  type RunGroup,
} from "../compare/compare-runs.js";
export { comparisonTable } from "../compare/comparison-table.js";
export { ABLATIONS, ablate, type AblateOptions, type AblationRun } from "../compare/ablate.js";
export {
  reproduce,
  type ReproducedRow,
  type ReproduceOptions,
  type Reproduction,
  type ReproductionRun,
} from "../compare/reproduce.js";
export { reproductionTable } from "../compare/reproduction-table.js";
export type { TableFormat } from "../compare/write-table.js";
export type { Spread } from "../compare/statistics.js";
export { crossValidate, type CrossValidateOptions, type FoldRun } from "../compare/cross-validate.js";
export { trainSeeds, type SeedRun, type TrainSeedsOptions } from "../compare/train-seeds.js";
export type { SeriesFigures, SeriesRun, SeriesSummary } from "../compare/summarize-series.js";

export { writeConfusion } from "../pictures/confusion.js";

export {
  findSuspects,
  type FindSuspectsOptions,
  type Suspect,
  type Suspects,
} from "../report/find-suspects.js";
export { writeReport, type Report, type ReportOptions } from "../report/write-report.js";
export { watchRun, type RunWatch, type WatchOptions } from "../report/watch-run.js";
export type { EpochScores, RunSummary } from "../compare/summarize-run.js";
export {
  tensorBoard,
  type TensorBoardOptions,
  type TensorBoardTracker,
  type TrackedPicture,
} from "../trackers/tensorboard.js";
export { track, type Tracker } from "../trackers/track.js";
export {
  tune,
  type TunedTrial,
  type TuneOptions,
  type TuneRange,
  type TuneRun,
  type TuneSpace,
  type Tuning,
} from "../compare/tune.js";
