import { invalidArgument, McLossError } from "../errors.js";
import { ChannelGroups } from "../loss/channel-groups.js";
import { native, type ModelHandle } from "../native/binding.js";
import { checkDevice, type Device } from "../tensor/dtype.js";
import { gradEnabled } from "../tensor/grad-mode.js";
import { keep } from "../tensor/scope.js";
import { Tensor } from "../tensor/tensor.js";
import { loadState, type StateDifference } from "./load-state.js";
import type { ModelSpec } from "./spec.js";

type PerChannel = readonly [red: number, green: number, blue: number];

/** What images a model takes and what its outputs mean; travels in checkpoints. */
export interface ModelInfo {
  /** The classes' names, in the order of the logits. */
  classNames?: readonly string[];
  /** Per-channel mean and standard deviation of inputs in [0, 1]. */
  normalization?: { mean: PerChannel; std: PerChannel };
}

/** One tensor of a model's state, by torchvision's name for it. */
export interface StateEntry {
  name: string;
  tensor: Tensor;
  /** A parameter; otherwise a buffer such as a running mean. */
  trainable: boolean;
}

export interface ModelOutput {
  /** [N, C, H, W], what MC-Loss is computed on. */
  features: Tensor;
  /** [N, K] */
  logits: Tensor;
}

/**
 * A network made from a spec. Its weights come to be, from `seed`, when they are first needed; until then it is data.
 */
export class Model {
  readonly spec: ModelSpec;
  readonly info: ModelInfo;
  /** Whether batch normalisation and dropout behave as in training. True until eval(). */
  training = true;
  readonly #seed: number;
  #handle: ModelHandle | undefined;
  #state: StateEntry[] | undefined;

  constructor(spec: ModelSpec, options: { seed?: number; info?: ModelInfo } = {}) {
    const { seed = 0, info = {} } = options;
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw invalidArgument("seed", `must be a non-negative integer, got ${seed}`);
    }
    if (info.classNames && info.classNames.length !== spec.classes) {
      throw invalidArgument("classNames", `must have ${spec.classes} names, got ${info.classNames.length}`);
    }
    this.spec = spec;
    this.info = info;
    this.#seed = seed;
  }

  /** Which of the features' channels belong to which class; undefined where the spec has no groups. */
  get groups(): ChannelGroups | undefined {
    return this.spec.groups.length > 0 ? ChannelGroups.blocks(this.spec.groups) : undefined;
  }

  /** @internal */
  get handle(): ModelHandle {
    this.#handle ??= native().createModel(this.spec, this.#seed);
    return this.#handle;
  }

  /** Runs the network on images [N, 3, H, W], float32 and normalised as `info.normalization` says. */
  async forward(images: Tensor): Promise<ModelOutput> {
    const { shape } = images;
    const { channels } = this.spec.input;
    if (shape.length !== 4 || shape[1] !== channels) {
      const text = `images must have shape [N, ${channels}, H, W], got [${shape.join(", ")}]`;
      throw new McLossError("ERR_SHAPE", text, { argument: "images" });
    }
    const output = await native().forward(this.handle, images.handle, this.training, gradEnabled());
    return { features: new Tensor(output.features), logits: new Tensor(output.logits) };
  }

  /** Every parameter and buffer; the tensors share the model's memory. */
  state(): readonly StateEntry[] {
    this.#state ??= native()
      .modelState(this.handle)
      .map((entry) => ({ ...entry, tensor: keep(new Tensor(entry.tensor)) }));
    return this.#state;
  }

  /** The parameters, or those whose names `pattern` matches. */
  parameters(pattern = /(?:)/): Tensor[] {
    return this.state()
      .filter((entry) => entry.trainable && pattern.test(entry.name))
      .map((entry) => entry.tensor);
  }

  /**
   * Copies tensors into parameters and buffers by name (torch.nn.Module.load_state_dict), converting dtype and device.
   * @param options.strict Default true: names and shapes must be the same, or nothing is loaded. With false what fits
   * is loaded, and what does not is told.
   * @throws McLossError ERR_ARGUMENT that names the first difference
   */
  loadStateDict(
    state: Readonly<Record<string, Tensor>>,
    { strict = true }: { strict?: boolean } = {},
  ): StateDifference {
    return loadState(this.state(), state, strict);
  }

  train(): this {
    this.training = true;
    return this;
  }

  eval(): this {
    this.training = false;
    return this;
  }

  /** Moves parameters and buffers, in place. */
  async to(device: Device): Promise<this> {
    await native().modelTo(this.handle, checkDevice("device", device));
    return this;
  }

  /** Frees the parameters. A later use starts from the seed again. */
  dispose(): void {
    this.#state?.forEach((entry) => entry.tensor.dispose());
    if (this.#handle) native().dispose(this.#handle);
    this.#state = undefined;
    this.#handle = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
