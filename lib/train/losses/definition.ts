import type { Definition, Filled, OptionShape } from "../../definition.js";
import type { Model } from "../../models/model.js";
import type { ModelSpec } from "../../models/spec.js";
import type { ClassificationTerm } from "../../native/binding.js";
import type { Tensor } from "../../tensor/tensor.js";
import type { LossContext } from "./context.js";

/** A loss, or a part of one. */
export interface LossDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  /** Whether it takes an image that is of several classes, each by a share. Default false. */
  readonly takesMixtures?: boolean;
  /** The loss in few words, which tell it from the same one with other options; what is usual is left out. */
  describe(options: Filled<Options>): string[];
}

/** A term of the classifier's logits. */
export interface ClassificationDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends LossDefinition<Name, Options> {
  /** What native/train takes of it. @throws McLossError ERR_ARGUMENT where the model cannot have it */
  native(options: Filled<Options>, context: LossContext): ClassificationTerm;
  /** The form that a recipe's network takes for it. Default: its own. */
  network?(spec: ModelSpec, options: Filled<Options>): ModelSpec;
}

/** A term that is added to any loss. */
export interface AddedTermDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends LossDefinition<Name, Options> {
  /** @throws McLossError ERR_ARGUMENT where the model cannot have it */
  create(model: Model, options: Filled<Options>): AddedTerm;
}

/** An added term of one run. */
export interface AddedTerm {
  /** What native/train takes of it. */
  readonly native: object;
  /** What of it changes in the run, by its name in checkpoints. Whoever made the term disposes of it. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** A loss that has the channel groups in it, or another of its own kind. */
export function defineLoss<const Name extends string, Options extends OptionShape>(
  definition: LossDefinition<Name, Options>,
): LossDefinition<Name, Options> {
  return definition;
}

/** A term of the classifier's logits. */
export function defineClassification<const Name extends string, Options extends OptionShape>(
  definition: ClassificationDefinition<Name, Options>,
): ClassificationDefinition<Name, Options> {
  return definition;
}

/** A term that is added to any loss. */
export function defineAddedTerm<const Name extends string, Options extends OptionShape>(
  definition: AddedTermDefinition<Name, Options>,
): AddedTermDefinition<Name, Options> {
  return definition;
}
