import { z } from "zod";
import type { Model } from "../models/model.js";
import type { PatternGroup } from "../models/parameter-groups.js";
import { namePattern } from "../models/names.js";
import { Adam, AdamW, adamShape, type AdamOptions } from "../optim/adam.js";
import type { Optimizer, ParameterGroup } from "../optim/optimizer.js";
import { RMSprop, rmspropShape, type RmspropOptions } from "../optim/rmsprop.js";
import { SGD, sgdShape, type SgdOptions } from "../optim/sgd.js";
import { flag, rate, type Shape } from "../schema.js";
import type { Tensor } from "../tensor/tensor.js";
import { DEFAULT_OPTIMIZER } from "./defaults.js";

/** An optimizer as plain data. */
export type OptimizerSpec = (
  | ({ type?: "sgd" } & SgdOptions)
  | ({ type: "adam" | "adamw" } & AdamOptions)
  | ({ type: "rmsprop" } & RmspropOptions)
) & {
  /** Whether weight decay applies to biases and normalisation too. Default false. */
  decayBiasAndNorm?: boolean;
  /** Parameters with rates of their own; see {@link Model.parameterGroups}. Default: none. */
  groups?: readonly PatternGroup<GroupRates>[];
};

const everyOptimizer = {
  decayBiasAndNorm: flag.optional(),
  groups: z
    .array(
      z.strictObject({
        pattern: namePattern,
        learningRate: rate.optional(),
        weightDecay: rate.optional(),
      } satisfies Shape<PatternGroup<GroupRates>>),
    )
    .readonly()
    .optional(),
};

/** {@link OptimizerSpec} */
export const optimizerSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("sgd").optional(), ...sgdShape, ...everyOptimizer }),
  z.strictObject({ type: z.enum(["adam", "adamw"]), ...adamShape, ...everyOptimizer }),
  z.strictObject({ type: z.literal("rmsprop"), ...rmspropShape, ...everyOptimizer }),
]);

/** What a group of parameters may have of its own. */
export interface GroupRates {
  /** Default: the optimizer's. */
  learningRate?: number;
  /** Default: the optimizer's. */
  weightDecay?: number;
}

/**
 * An optimizer of the model's parameters; weight decay is on matrices and kernels only, unless asked otherwise.
 * @throws McLossError ERR_ARGUMENT for an option, or for a group whose pattern names nothing
 */
export function buildOptimizer(
  model: Model,
  spec: OptimizerSpec = DEFAULT_OPTIMIZER,
): Optimizer<{ learningRate: number }> {
  const { type = "sgd", decayBiasAndNorm = false, groups: own = [], ...options } = spec;
  const named = model.parameterGroups(own);
  const groups = decayBiasAndNorm ? named : named.flatMap(splitByDecay);
  switch (type) {
    case "sgd":
      return new SGD(groups, options);
    case "adam":
      return new Adam(groups, options);
    case "adamw":
      return new AdamW(groups, options);
    case "rmsprop":
      return new RMSprop(groups, options);
  }
}

type Group = ParameterGroup<GroupRates>;

function splitByDecay(group: Group): Group[] {
  const isWeight = (parameter: Tensor) => parameter.shape.length > 1;
  const weights = group.parameters.filter(isWeight);
  const others = group.parameters.filter((parameter) => !isWeight(parameter));
  const parts = [
    { ...group, parameters: weights },
    { ...group, parameters: others, weightDecay: 0 },
  ];
  return parts.filter(({ parameters }) => parameters.length > 0);
}
