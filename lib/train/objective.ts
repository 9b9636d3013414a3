import { invalidArgument } from "../errors.js";
import { resolveChannelLoss } from "../loss/mc-loss.js";
import { describe } from "../models/describe.js";
import type { Model } from "../models/model.js";
import type { ModelSpec } from "../models/spec.js";
import type { ObjectiveOptions } from "../native/binding.js";
import { Generator } from "../tensor/tensor.js";
import { completeLoss, type LossOptions } from "./losses.js";
import { classificationLosses, type ClassificationLoss } from "./losses/classification.js";
import { LossContext } from "./losses/context.js";
import type { ClassificationDefinition } from "./losses/definition.js";

/**
 * The training objective of `model`, without the added terms, which belong to a run. The channel groups are kept
 * without MC-Loss as well, so that evaluation can report all terms.
 * @param seed of the generator that draws the channel masks
 * @param context has what the loss makes for itself. Default: that of no run
 * @throws McLossError ERR_ARGUMENT for MC-Loss where there are no groups, or too many channels to keep
 */
export function buildObjective(
  model: Model,
  given: LossOptions,
  seed: number,
  context = new LossContext(model),
): ObjectiveOptions {
  const loss = completeLoss(given);
  const { groups } = model;
  const blocks = groups?.toLists() ?? { blockClasses: [], blockChannels: [] };
  if (loss.type !== "mc") {
    return { ...WITHOUT_CHANNELS, ...classificationTerm(loss, context), ...blocks };
  }
  if (!groups) {
    const { name } = model.spec;
    throw invalidArgument(
      "loss",
      `cannot be MC-Loss: ${name} has no channel groups (fewer channels than classes)`,
    );
  }
  return {
    ...blocks,
    ...classificationTerm(loss.classification, context),
    ...resolveChannelLoss(loss, groups, "loss.keep"),
    generator: new Generator(seed, model.device).handle,
  };
}

function classificationTerm(loss: ClassificationLoss, context: LossContext) {
  const definition: ClassificationDefinition = classificationLosses.get(loss.type);
  const { plugIn, ...term } = definition.native(loss, context);
  return { labelSmoothing: 0, ...term, plugIn: plugIn && { tensors: {}, ...plugIn } };
}

/** A recipe's network in the form that its loss needs. @throws McLossError ERR_ARGUMENT where it cannot have that */
export function networkForLoss(spec: ModelSpec, given: LossOptions): ModelSpec {
  const loss = completeLoss(given);
  const term = loss.type === "mc" ? loss.classification : loss;
  const definition: ClassificationDefinition = classificationLosses.get(term.type);
  return definition.network?.(spec, term) ?? spec;
}

/**
 * Why the diversity component of `objective` does nothing, where it is so: on a map of one place every channel looks at the
 * same one, whatever the weights are.
 */
export function reasonAgainstDiversity({ spec }: Model, { beta }: ObjectiveOptions): string | undefined {
  const [, height, width] = describe(spec).features;
  if (beta === 0 || height !== 1 || width !== 1) return undefined;
  const { input } = spec;
  return (
    `the diversity component cannot move: of images of ${input.height} × ${input.width} the last map of ${spec.name} has one ` +
    "place. Take larger images (inputSize, --image-size), or a loss with beta 0"
  );
}

const WITHOUT_CHANNELS = {
  alpha: 0,
  beta: 0,
  keep: [],
  perSample: false,
  pooling: "max",
  diversityPooling: "max",
  diversityOver: "classes",
  generator: null,
};
