/** Where in a run a learning rate is asked for. */
export interface SchedulePosition {
  /** How much of the run is done, in epochs; fractions count. */
  epoch: number;
  /** Of the whole run. */
  epochs: number;
  /** Default 1. */
  stepsPerEpoch?: number;
  /** What each epoch so far was judged by, such as its validation accuracy; for "plateau". Default: none. */
  metrics?: readonly number[];
}
