export { Adam, AdamW, type AdamOptions } from "./adam.js";
export { clipGradNorm, clipGradValue } from "./clip.js";
export { EMA } from "./ema.js";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "./grad-scaler.js";
export { Optimizer, type OptimizerStateEntry, type OptionProblem, type ParameterGroup } from "./optimizer.js";
export { RMSprop, type RmspropOptions } from "./rmsprop.js";
export type { Plateau } from "./plateau.js";
export {
  learningRateFactor,
  type OneCycle,
  type Schedule,
  type SchedulePosition,
  type WarmUp,
} from "./schedule.js";
export { SGD, type SgdOptions } from "./sgd.js";
