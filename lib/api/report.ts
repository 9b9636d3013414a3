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
export { reproductionTable, type TableFormat } from "../compare/reproduction-table.js";
export type { Spread } from "../compare/statistics.js";

export { writeConfusion } from "../pictures/confusion.js";

export { writeReport, type Report, type ReportOptions } from "../report/write-report.js";
export { watchRun, type RunWatch, type WatchOptions } from "../report/watch-run.js";
export type { EpochScores, RunSummary } from "../report/summarize-run.js";
