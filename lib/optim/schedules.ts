import { Registry, type Spec } from "../definition.js";
import { constant } from "./schedules/constant.js";
import { cosine } from "./schedules/cosine.js";
import { cosineRestarts } from "./schedules/cosine-restarts.js";
import { exponential } from "./schedules/exponential.js";
import { multiStep } from "./schedules/multi-step.js";
import { oneCycle } from "./schedules/one-cycle.js";
import { plateau } from "./schedules/plateau.js";
import { polynomial } from "./schedules/polynomial.js";
import { step } from "./schedules/step.js";

/** All schedules. */
export const schedules = new Registry([
  constant,
  cosine,
  cosineRestarts,
  step,
  multiStep,
  exponential,
  polynomial,
  oneCycle,
  plateau,
]);

/**
 * How the learning rate changes over a run, as plain data. Factors are of the base learning rate.
 * @useDeclaredType
 */
export type Schedule = Spec<typeof schedules>;
