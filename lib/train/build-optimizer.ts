import { z } from "zod";
import { layerDepths } from "../models/layer-depths.js";
import type { Model } from "../models/model.js";
import type { PatternGroup } from "../models/parameter-groups.js";
import { namePattern } from "../models/names.js";
import { Registry, type Spec } from "../definition.js";
import { Optimizer, type ParameterGroup } from "../optim/optimizer.js";
import { optimizers } from "../optim/optimizers.js";
import { flag, parseOptions, rate, type Shape } from "../schema.js";
import type { Tensor } from "../tensor/tensor.js";
import { DEFAULT_OPTIMIZER } from "./defaults.js";

/** The optimizers with what a model's parameters are divided by, as plain data. */
export const modelOptimizers = new Registry(optimizers.definitions, {
  fallback: "sgd",
  common: {
    /** Whether weight decay applies to biases and normalisation too. */
    decayBiasAndNorm: flag.default(false),
    /**
     * What the rate of each layer is of the next one's, so that those near the input change little, as BEiT and timm fine-tune: a
     * head has the whole rate, the last block this part of it, and so on. Default: the same rate for all.
     */
    layerDecay: z.number().gt(0).max(1).optional(),
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
  const { decayBiasAndNorm = false, groups: own = [], layerDecay, ...options } = spec;
  const named = model.parameterGroups(own);
  const layered = layerDecay === undefined ? named : decayByLayer(model, named, spec, layerDecay);
  return new Optimizer(decayBiasAndNorm ? layered : layered.flatMap(splitByDecay), options);
}

type Group = ParameterGroup<GroupRates>;

/** The head first, whose rate is the one that is told. */
function decayByLayer(
  model: Model,
  groups: readonly Group[],
  spec: OptimizerSpec,
  layerDecay: number,
): Group[] {
  const { depths, last } = layerDepths(model.spec);
  const depthOf = new Map(model.state().map(({ name, tensor }) => [tensor, depths.get(name) ?? last]));
  const { learningRate: shared } = parseOptions(modelOptimizers.filled, spec, "optimizer");
  return groups.flatMap((group) => {
    const { learningRate = shared } = group;
    const byDepth = Array.from({ length: last + 1 }, (_, up) => ({
      ...group,
      parameters: group.parameters.filter((parameter) => depthOf.get(parameter) === last - up),
      learningRate: learningRate * layerDecay ** up,
    }));
    return byDepth.filter(({ parameters }) => parameters.length > 0);
  });
}

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
