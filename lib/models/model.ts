import { invalidArgument, McLossError } from "../errors.js";
import { useStateFile } from "../io/state-file.js";
import { ChannelGroups } from "../loss/channel-groups.js";
import { abortable, type AbortOptions } from "../native/abortable.js";
import type { InferenceForm, ModelHandle } from "../native/binding.js";
import type { Device, Dtype } from "../native/dtype.js";
import { isRecord } from "../plain-data.js";
import { abortOptions, parseOptions } from "../schema.js";
import { checkFloating } from "../tensor/check-tensor.js";
import { zeros } from "../tensor/creation.js";
import { noGrad, operationMode } from "../tensor/grad-mode.js";
import { autocastOf } from "../tensor/precision.js";
import { Tensor } from "../tensor/tensor.js";
import type { ModelInfo } from "./info.js";
import type { StateDifference, StateEntry } from "./load-state.js";
import {
  forwardOptions,
  freezeOptions,
  fromJsonOptions,
  loadOptions,
  loadStateDictOptions,
  newModelOptions,
  type ForwardOptions,
  type FreezeOptions,
  type FromJsonOptions,
  type LoadOptions,
  type NewModelOptions,
} from "./model-options.js";
import { ModelWeights } from "./model-weights.js";
import { matches, type NamePattern } from "./names.js";
import { modelsAre } from "./networks/definition.js";
import { groupParameters, type NamedGroup, type PatternGroup } from "./parameter-groups.js";
import { checkPlacement, type ModelPlacement } from "./placement.js";
import type { ImageInput, Prediction, PredictOptions, Predictor } from "./prediction.js";
import type { ModelSpec } from "./spec.js";
import { hasModules, pinModules } from "./torchscript-file.js";
import { parseModelJson, type ModelJson } from "./validate.js";

/** What a network makes of images. */
export interface ModelOutput<Tap extends string = never> {
  /** [N, C, H, W], what MC-Loss is computed on. */
  features: Tensor;
  /** [N, K] */
  logits: Tensor;
  /** The outputs of the layers that were asked for, by name. */
  taps: Record<Tap, Tensor>;
}

/**
 * A network made from a spec. Its weights come to be, from `seed`, when they are first needed; until then it is data.
 */
export class Model {
  /** The network, with the paths and hashes of its TorchScript files where it has any. */
  readonly spec: ModelSpec;
  /** What images it takes and what its outputs mean. */
  readonly info: ModelInfo;
  /** Whether batch normalisation and dropout behave as in training. True until eval(). */
  training = true;
  /** @internal The checkpoint that its weights are from, for messages. */
  file: string | undefined;
  readonly #weights: ModelWeights;
  #frozen: InferenceForm | undefined;
  #predictor: Predictor | undefined;

  constructor(spec: ModelSpec, options?: NewModelOptions);
  /** @internal @param shared weights of a model of the same layers, to hold them too; nothing else is checked again */
  constructor(spec: ModelSpec, options: Pick<NewModelOptions, "info">, shared: ModelWeights);
  constructor(spec: ModelSpec, options: NewModelOptions = {}, shared?: ModelWeights) {
    const isShared = shared instanceof ModelWeights;
    const { seed, info = {} } = isShared ? options : parseOptions(newModelOptions, options);
    if (!isShared) checkSpec(spec);
    if (info.classNames && info.classNames.length !== spec.classes) {
      throw invalidArgument("classNames", `must have ${spec.classes} names, got ${info.classNames.length}`);
    }
    this.spec = isShared ? spec : pinModules(spec);
    this.info = info;
    this.#weights = isShared ? shared.share() : new ModelWeights(this.spec, seed);
  }

  /**
   * A model whose weights are made at once, on the native thread: seconds of work for a VGG16, which the constructor
   * leaves to the first use, and that to the event loop.
   */
  static async create(spec: ModelSpec, options: NewModelOptions = {}): Promise<Model> {
    const model = new Model(spec, options);
    await model.#weights.make();
    return model;
  }

  /**
   * A model from what {@link toJSON} gave, as an object or as text, with weights from `seed`.
   * @throws McLossError ERR_ARGUMENT that names the path of the bad node, such as `spec.layers[3].outChannels`
   */
  static fromJSON(json: unknown, options: FromJsonOptions = {}): Model {
    const { trustCode = false, ...rest } = parseOptions(fromJsonOptions, options);
    const { spec, info } = parseModelJson(json);
    if (hasModules(spec) && !trustCode) {
      const text =
        "must be true for a network with TorchScript, which is code: say so where you trust its author";
      throw invalidArgument("trustCode", text);
    }
    return new Model(spec, { ...rest, info });
  }

  /** The spec and the info, without weights; what JSON.stringify(model) writes. */
  toJSON(): ModelJson {
    return { spec: this.spec, info: this.info };
  }

  /** Which of the features' channels belong to which class; undefined where the spec has no groups. */
  get groups(): ChannelGroups | undefined {
    return this.spec.groups.length > 0 ? ChannelGroups.blocks(this.spec.groups) : undefined;
  }

  /** Where its parameters are. */
  get device(): Device {
    return this.parameters()[0]?.device ?? "cpu";
  }

  /** @internal */
  get weights(): ModelWeights {
    return this.#weights;
  }

  /** @internal */
  get handle(): ModelHandle {
    return this.#weights.handle;
  }

  /**
   * @internal This model as another holder of its weights: for work of several steps, which ends with the weights that it
   * began with although the model is disposed meanwhile.
   */
  hold(): Model {
    const held = new Model(this.spec, { info: this.info }, this.#weights);
    held.training = this.training;
    held.file = this.file;
    held.#frozen = this.#frozen;
    return held;
  }

  /** @internal As {@link hold}, frozen for inference whether this model is or not. */
  holdFrozen(form: InferenceForm = "packed"): Model {
    const held = this.hold();
    held.#frozen = form;
    return held;
  }

  /**
   * Runs the network on images [N, 3, H, W], normalised as `info.normalization` says. Images of another floating-point
   * type than the model's are converted.
   * @throws McLossError ERR_SHAPE, or ERR_ARGUMENT that names a tap that there is not
   */
  async forward<const Tap extends string = never>(
    images: Tensor,
    options: ForwardOptions<Tap> = {},
  ): Promise<ModelOutput<Tap>> {
    const { taps = [], training = this.training, precision, signal } = parseOptions(forwardOptions, options);
    const autocast = autocastOf(precision);
    checkFloating("images", images);
    const { shape } = images;
    const { channels } = this.spec.input;
    if (shape.length !== 4 || shape[1] !== channels) {
      const text = `images must have shape [N, ${channels}, H, W], got [${shape.join(", ")}]`;
      throw new McLossError("ERR_SHAPE", text, { argument: "images" });
    }
    const frozen = training ? undefined : this.#frozen;
    const mode = frozen ? noGrad(operationMode) : operationMode();
    const output = await abortable(signal, "forward()", (binding) =>
      training
        ? binding.forwardTraining(this.handle, images.handle, mode, taps, autocast)
        : binding.forward(this.handle, images.handle, mode, taps, autocast, frozen),
    );
    const tapped = output.taps.map((handle, index) => [taps[index], new Tensor(handle)]);
    return {
      features: new Tensor(output.features),
      logits: new Tensor(output.logits),
      taps: Object.fromEntries(tapped) as Record<Tap, Tensor>,
    };
  }

  /**
   * The most probable classes of an image, or of each of several, in evaluation mode. Requests made at the same time go
   * through the network together, up to 32; {@link Classifier} has the settings.
   * @param input paths or encoded bytes, which must not change until the promise is settled
   * @param options.top how many classes to tell. Default 5
   * @throws McLossError ERR_IMAGE for an image that cannot be read, which disturbs no other request; ERR_CHECKPOINT when
   * the model does not say how its inputs are made
   */
  predict(input: ImageInput, options?: PredictOptions): Promise<Prediction>;
  predict(input: readonly ImageInput[], options?: PredictOptions): Promise<Prediction[]>;
  async predict(
    input: ImageInput | readonly ImageInput[],
    options?: PredictOptions,
  ): Promise<Prediction | Prediction[]> {
    this.#predictor ??= makePredictor(this);
    return this.#predictor.predict(input as ImageInput, options);
  }

  /** Every parameter and buffer; the tensors share the model's memory. */
  state(): readonly StateEntry[] {
    return this.#weights.entries();
  }

  /**
   * Copies of the parameters' gradients by name, null where there is none, as they are when what was asked for before has
   * been done: for looking at them while the model trains, when {@link Tensor.grad} throws ERR_BUSY.
   */
  async gradients({ signal }: AbortOptions = {}): Promise<Record<string, Tensor | null>> {
    return this.#weights.gradients(signal);
  }

  /** The parameters, or those that `pattern` names; frozen ones too. */
  parameters(pattern: NamePattern = ""): Tensor[] {
    return this.#weights
      .parameters()
      .filter((entry) => matches(pattern, entry.name))
      .map((entry) => entry.tensor);
  }

  /**
   * Every parameter in exactly one group, for an optimizer: `new SGD(model.parameterGroups([{ pattern: "fc",
   * learningRate: 0.1 }]), { learningRate: 0.01 })`. A parameter belongs to the first group whose pattern names it; those
   * that no pattern names come last, in a group without options of its own.
   * @throws McLossError ERR_ARGUMENT for a pattern that nothing is left for
   */
  parameterGroups<Options extends object>(groups: readonly PatternGroup<Options>[]): NamedGroup<Options>[] {
    return groupParameters(this.#weights.parameters(), groups);
  }

  /**
   * Keeps what `pattern` names as it is: parameters get no gradient and lose the one they have, and a batch normalisation
   * whose running statistics it names uses them, in training too, and does not move them. freeze("layer1") stands for all of
   * layer1; to freeze as requires_grad = False alone does in PyTorch, name the parameters: freeze(/^layer1\..*(weight|bias)$/).
   * @param pattern Default: everything
   * @throws McLossError ERR_ARGUMENT when it names nothing
   */
  freeze(pattern: NamePattern = ""): this {
    this.#weights.setFrozen(pattern, true);
    return this;
  }

  /** Undoes {@link freeze} for what `pattern` names. Default: everything. */
  unfreeze(pattern: NamePattern = ""): this {
    this.#weights.setFrozen(pattern, false);
    return this;
  }

  /**
   * Copies tensors into parameters and buffers by name (torch.nn.Module.load_state_dict), converting dtype and device.
   * @param options.strict Default true: names and shapes must be the same, or nothing is loaded. With false what fits
   * is loaded, and what does not is told.
   * @throws McLossError ERR_ARGUMENT that names the first difference
   */
  loadStateDict(
    state: Readonly<Record<string, Tensor>>,
    options: { strict?: boolean } = {},
  ): StateDifference {
    const { strict = true } = parseOptions(loadStateDictOptions, options);
    if (!isRecord(state)) throw invalidArgument("state", "must be an object of tensors by name");
    return this.#weights.copyFrom(state, strict);
  }

  /**
   * Reads parameters and buffers by name from a safetensors or PyTorch file, straight into the memory that they have:
   * there is no second copy of the weights. dtypes and devices are converted, element by element where they differ.
   * @param options.strict Default true: names and shapes must be the same, or nothing is loaded. With false what fits
   * is loaded, and what does not is told.
   * @param options.key Where the tensors are in a PyTorch file that holds more, for example "state_dict".
   * @param options.prefix Taken off the front of every name that starts with it, for example "module.".
   * @param options.signal Aborting loads nothing while the reading has not begun.
   * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated, foreign, refused or does not fit: nothing is
   * loaded. A file that cannot be read to its end may leave some weights loaded and others not.
   */
  async load(path: string, options: LoadOptions = {}): Promise<StateDifference> {
    const parsed = parseOptions(loadOptions, options);
    using held = this.#weights.share();
    return await useStateFile(path, parsed, (state) => held.readFrom(state, parsed.strict ?? true, parsed));
  }

  /**
   * Puts the model in evaluation mode and makes it ready for many forward passes without gradients, which
   * {@link Classifier} does by itself: batch normalisation is folded into the convolutions before it, activations and
   * residual sums are done where the convolutions write, and the weights lie as the processor reads them. Answers are the
   * same within 1e-5 in float32. What is kept is about as large as the weights. It is made anew when the weights have
   * changed, and freed by a training step; train() ends it.
   */
  async freezeForInference(options: FreezeOptions = {}): Promise<this> {
    const { precision, signal } = parseOptions(freezeOptions, options);
    const { channels, height, width } = this.spec.input;
    this.eval();
    this.#frozen = "packed";
    using image = zeros([1, channels, height, width], { device: this.device });
    const { features, logits } = await this.forward(image, {
      ...(precision && { precision }),
      ...(signal && { signal }),
    });
    features.dispose();
    logits.dispose();
    return this;
  }

  /** Batch normalisation and dropout behave as in training from now on (torch.nn.Module.train). */
  train(): this {
    this.training = true;
    this.#frozen = undefined;
    return this;
  }

  /** Batch normalisation and dropout behave as in evaluation from now on (torch.nn.Module.eval). */
  eval(): this {
    this.training = false;
    return this;
  }

  /**
   * Moves or converts parameters and buffers in place, with their gradients (torch.nn.Module.to). Whole numbers keep their
   * dtype. An optimizer keeps its momentum where it was: make it afterwards.
   * @param target a device, a floating-point dtype, or `{ device, dtype, channelsLast }`
   */
  async to(target: Device | Dtype | ModelPlacement, options: AbortOptions = {}): Promise<this> {
    const { signal } = parseOptions(abortOptions, options);
    const placement = checkPlacement(target);
    await abortable(signal, "moving the model", (binding) => binding.modelTo(this.handle, placement));
    return this;
  }

  /**
   * Frees the parameters once all that was asked for before is done: a prediction or a file that is under way has the
   * weights that it began with. A later use throws `ERR_DISPOSED`. May be called again.
   */
  dispose(): void {
    this.#weights.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

let makePredictor: (model: Model) => Predictor = () => {
  throw new Error("predict/classifier.ts has not been loaded");
};

/** Called once by predict/classifier.ts: a model knows nothing of images. */
export function predictorsAre(make: (model: Model) => Predictor): void {
  makePredictor = make;
}

/** @throws McLossError ERR_ARGUMENT for anything but a model */
export function checkModel(model: unknown, argument = "model"): asserts model is Model {
  if (!(model instanceof Model)) throw invalidArgument(argument, "must be a Model");
}

/**
 * {@link Model.hold}, of what users give.
 * @throws McLossError ERR_ARGUMENT for anything but a model, ERR_DISPOSED
 */
export function holdModel(model: Model): Model {
  checkModel(model);
  return model.hold();
}

function checkSpec(spec: unknown): void {
  if (isRecord(spec) && Array.isArray(spec["layers"]) && Array.isArray(spec["groups"])) return;
  throw invalidArgument(
    "spec",
    "must be a model's spec: for example resnet18.spec(…), or what parseModelSpec() gives",
  );
}

modelsAre((spec, options) => new Model(spec, options));
