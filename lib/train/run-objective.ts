import type { Model } from "../models/model.js";
import { native, type ObjectiveOptions } from "../native/binding.js";
import type { Tensor } from "../tensor/tensor.js";
import { addedTerms, completeLoss, type LossOptions } from "./losses.js";
import { LossContext, type CountedImages } from "./losses/context.js";
import type { AddedTerm, AddedTermDefinition } from "./losses/definition.js";
import { trainsChannels } from "./metrics.js";
import { buildObjective } from "./objective.js";

/** What a run minimises, with what of it changes in the run: the generator of the masks, and the added terms' tensors. */
export class RunObjective {
  /** What native/train takes. */
  readonly options: ObjectiveOptions;
  /** Whether steps measure the terms of MC-Loss. */
  readonly channels: boolean;
  /** What of the added terms changes in the run, by its name in checkpoints. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Training images of each class, where the loss goes by them. */
  readonly classCounts: readonly number[] | undefined;
  readonly #owned: readonly Tensor[];
  readonly #betaWarmupEpochs: number;

  /**
   * @param images the training set, in a run
   * @throws McLossError ERR_ARGUMENT for a loss that the model cannot have
   */
  constructor(model: Model, loss: LossOptions, seed: number, images?: CountedImages) {
    const context = new LossContext(model, images);
    const objective = buildObjective(model, loss, seed, context);
    this.classCounts = context.counts;
    this.#owned = context.owned;
    this.#betaWarmupEpochs = betaWarmupOf(loss);
    this.channels = trainsChannels(objective);
    const added = createAdded(model, loss);
    const natives = added.map(([name, { native }]) => [name, native]);
    this.options = { ...objective, ...(Object.fromEntries(natives) as object) };
    this.tensors = Object.fromEntries(added.flatMap(([, { tensors }]) => Object.entries(tensors)));
  }

  /** What a step minimises after which so many epochs of the run are over; a part of one counts. */
  after(epochs: number): ObjectiveOptions {
    const { beta } = this.options;
    return this.isWarm(epochs)
      ? this.options
      : { ...this.options, beta: (beta * epochs) / this.#betaWarmupEpochs };
  }

  /** Whether β is what it was given as. */
  isWarm(epochs: number): boolean {
    return epochs >= this.#betaWarmupEpochs;
  }

  /** Frees the generator and the added terms. */
  dispose(): void {
    for (const tensor of [...Object.values(this.tensors), ...this.#owned]) tensor.dispose();
    if (this.options.generator) native().dispose(this.options.generator);
  }
}

function betaWarmupOf(given: LossOptions): number {
  const loss = completeLoss(given);
  return loss.type === "mc" ? loss.betaWarmupEpochs : 0;
}

function createAdded(model: Model, given: LossOptions): [name: string, term: AddedTerm][] {
  const loss: Readonly<Record<string, unknown>> = completeLoss(given);
  return Object.entries<AddedTermDefinition>(addedTerms).flatMap(([name, definition]) => {
    const options = loss[name] as Readonly<Record<string, unknown>> | undefined;
    return options === undefined ? [] : [[name, definition.create(model, options)]];
  });
}
