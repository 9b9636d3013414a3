import type { Model } from "../models/model.js";
import { native, type ObjectiveOptions } from "../native/binding.js";
import type { Tensor } from "../tensor/tensor.js";
import { ClassCenters } from "./class-centers.js";
import { trainsChannels } from "./metrics.js";
import { buildObjective, type LossOptions } from "./objective.js";

/** What a run minimises, with what of it changes in the run: the generator of the masks, and the center loss's centers. */
export class RunObjective {
  /** What native/train takes. */
  readonly options: ObjectiveOptions;
  /** Whether steps measure the terms of MC-Loss. */
  readonly channels: boolean;
  readonly #centers: ClassCenters | undefined;

  /** @throws McLossError ERR_ARGUMENT for a loss that the model cannot have */
  constructor(model: Model, loss: LossOptions, seed: number) {
    const objective = buildObjective(model, loss, seed);
    this.channels = trainsChannels(objective);
    this.#centers = loss !== "ce" && loss.center ? new ClassCenters(model, loss.center) : undefined;
    this.options = { ...objective, center: this.#centers?.term ?? null };
  }

  /** Of the center loss; undefined without. */
  get centers(): Tensor | undefined {
    return this.#centers?.tensor;
  }

  /** Frees the generator and the centers. */
  dispose(): void {
    this.#centers?.tensor.dispose();
    if (this.options.generator) native().dispose(this.options.generator);
  }
}
