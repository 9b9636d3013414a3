import { z } from "zod";
import type { Model } from "../models/model.js";
import type { PatternGroup } from "../models/parameter-groups.js";
import { namePattern } from "../models/names.js";
import { Registry, type Spec } from "../definition.js";
import { Optimizer, type ParameterGroup } from "../optim/optimizer.js";
import { optimizers } from "../optim/optimizers.js";
import { flag, rate, type Shape } from "../schema.js";
import type { Tensor } from "../tensor/tensor.js";
import { DEFAULT_OPTIMIZER } from "./defaults.js";

/** The optimizers with what a model's parameters are divided by, as plain data. */
export const modelOptimizers = new Registry(optimizers.definitions, {
  fallback: "sgd",
  common: {
    /** Whether weight decay applies to biases and normalisation too. */
    decayBiasAndNorm: flag.default(false),
    /** Parameters with rates of their own, by a pattern of their names: `{ pattern, learningRate, weightDecay }`. */
    groups: z
      .array(
        z.strictObject({
          pattern: namePattern,
          learningRate: rate.optional(),
          weightDecay: rate.optional(),
        } satisfies Shape<PatternGroup<GroupRates>>),
      )
      .readonly()
      .default([]),
  },
});

/**
 * An optimizer as plain data.
 * @useDeclaredType
 */
export type OptimizerSpec = Spec<typeof modelOptimizers>;

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
export function buildOptimizer(model: Model, spec: OptimizerSpec = DEFAULT_OPTIMIZER): Optimizer {
  const { decayBiasAndNorm = false, groups: own = [], ...options } = spec;
  const named = model.parameterGroups(own);
  return new Optimizer(decayBiasAndNorm ? named : named.flatMap(splitByDecay), options);
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
