import { invalidArgument } from "../errors.js";
import { native, type EmaHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import type { StateEntry } from "../models/load-state.js";
import { checkModel, type Model } from "../models/model.js";
import { heldTensors } from "../tensor/held-tensors.js";
import { shown } from "../shown.js";

/**
 * An exponential moving average of a model's parameters, average ← decay·average + (1 − decay)·parameter; buffers are
 * taken as they are (torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn). It starts as the model is now, on
 * the model's device.
 */
export class EMA {
  readonly #model: Model;
  readonly #owner: Owner<EmaHandle>;
  #state: readonly StateEntry[] | undefined;

  /** @param decay from 0 to less than 1. Default 0.999 */
  constructor(model: Model, decay = 0.999) {
    checkModel(model);
    if (typeof decay !== "number" || !(decay >= 0 && decay < 1)) {
      throw invalidArgument("decay", `must be from 0 to less than 1, got ${shown(decay)}`);
    }
    this.#model = model;
    this.#owner = new Owner("EMA", native().createEma(model.handle, decay));
  }

  /** @internal */
  get handle(): EmaHandle {
    return this.#owner.handle;
  }

  /** Takes the model's parameters as they are now into the average. */
  async update(): Promise<void> {
    await native().updateEma(this.handle, this.#model.handle);
  }

  /** Names and tensors as the model's own; the tensors share the average's memory. */
  state(): readonly StateEntry[] {
    const { handle } = this;
    return (this.#state ??= heldTensors(native().emaState(handle)));
  }

  /** Frees the average. May be called again. */
  dispose(): void {
    this.#state?.forEach(({ tensor }) => tensor.dispose());
    this.#owner.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
