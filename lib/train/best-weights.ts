import type { Model } from "../models/model.js";
import type { NamedTensors } from "../run/best-checkpoint.js";
import { keep } from "../tensor/scope.js";

/** The weights of the best epoch, in a run that has no best checkpoint as it writes nothing. */
export class BestWeights {
  #copies: NamedTensors = [];

  /** Takes a copy. */
  take(delivered: NamedTensors): void {
    this.dispose();
    this.#copies = delivered.map(([name, tensor]) => [name, keep(tensor.detach().clone())] as const);
  }

  /** Gives them to a model of the same network. */
  deliver(model: Model): void {
    model.loadStateDict(Object.fromEntries(this.#copies));
  }

  /** Frees the copy. May be called again. */
  dispose(): void {
    for (const [, tensor] of this.#copies) tensor.dispose();
    this.#copies = [];
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
