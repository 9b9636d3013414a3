import { z } from "zod";
import { checkInstance, checkList } from "../check-argument.js";
import { native, type GradScalerHandle } from "../native/binding.js";
import { Owner } from "../native/owner.js";
import { count, optionsOf, parseOptions } from "../schema.js";
import { Tensor } from "../tensor/tensor.js";

/** Options of {@link GradScaler}. */
export interface GradScalerOptions {
  /** Default 65536. */
  initialScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without overflow. Default 2. */
  growthFactor?: number;
  /** What the scale is multiplied by after an overflow. Default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
}

const DEFAULTS = { initialScale: 65_536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000 };

const schema = optionsOf<GradScalerOptions>({
  initialScale: z.number().gt(0).optional(),
  growthFactor: z.number().gt(1).optional(),
  backoffFactor: z.number().gt(0).lt(1).optional(),
  growthInterval: count.optional(),
});

/** What a scaler has learned, for checkpoints. */
export interface GradScalerState {
  scale: number;
  /** Steps without overflow since the scale changed. */
  growthTracker: number;
}

/**
 * Keeps float16's gradients away from 0 by scaling the loss, passes over steps whose gradients overflow, and adapts the
 * scale (torch.amp.GradScaler). Nothing waits for the device.
 *
 *     await scaler.scale(loss).backward();
 *     const foundInf = await scaler.unscale(parameters);
 *     await optimizer.step({ foundInf });
 *     await scaler.update(foundInf);
 */
export class GradScaler {
  readonly #owner: Owner<GradScalerHandle>;

  /** @throws McLossError ERR_ARGUMENT naming the option */
  constructor(options: GradScalerOptions = {}) {
    const resolved = { ...DEFAULTS, ...parseOptions(schema, options) };
    this.#owner = new Owner("GradScaler", native().createGradScaler(resolved));
  }

  /** @internal */
  get handle(): GradScalerHandle {
    return this.#owner.handle;
  }

  /** The loss, a scalar, times the scale. */
  scale(loss: Tensor): Tensor {
    checkInstance("loss", loss, Tensor, "a Tensor");
    return new Tensor(native().scaleLoss(this.handle, loss.handle));
  }

  /** Divides the parameters' gradients by the scale, in place. Gives a float32 scalar: 1 where an element is not finite. */
  async unscale(parameters: readonly Tensor[]): Promise<Tensor> {
    checkList("parameters", parameters, "tensors");
    parameters.forEach((parameter, i) => checkInstance(`parameters[${i}]`, parameter, Tensor, "a Tensor"));
    const handles = parameters.map((parameter) => parameter.handle);
    return new Tensor(await native().unscaleGradients(this.handle, handles));
  }

  /** Backs off after an overflow, grows after enough steps without one. */
  async update(foundInf: Tensor): Promise<void> {
    checkInstance("foundInf", foundInf, Tensor, "a Tensor");
    await native().updateScale(this.handle, foundInf.handle);
  }

  /** Reads the scale from the device. */
  state(): GradScalerState {
    return native().scalerState(this.handle);
  }

  /** Takes up what {@link GradScaler.state} gave. */
  restore(state: GradScalerState): void {
    native().restoreScaler(this.handle, state);
  }

  /** Frees it. May be called again. */
  dispose(): void {
    this.#owner.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
