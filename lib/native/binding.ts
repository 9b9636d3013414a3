import { isMainThread } from "node:worker_threads";
import type { Device, Dtype, TypedArray } from "./dtype.js";
import { coreShare } from "../cores.js";
import { McLossError } from "../errors.js";
import { callbackRunner, type NativeCallback, type PassHandle } from "./callbacks.js";
import { loadAddon } from "../addon/load.js";
import type {
  BatchTransferHandle,
  EmaHandle,
  GeneratorHandle,
  GradientReducerHandle,
  GradScalerHandle,
  Handle,
  ModelHandle,
  OptimizerHandle,
  ProcessGroupHandle,
  StepGraphHandle,
  StoreHandle,
  TensorHandle,
} from "./handles.js";

export type * from "./handles.js";

/** A batch as decoded, with each sample's augmentation; see lib/image. */
export interface PixelBatchOptions {
  /** `shape`: [N, H, W, 3] */
  pixels: Uint8Array;
  shape: readonly number[];
  /** Begins with the pixels and has room for what goes to the device beside them. Default: memory of the addon's own. */
  memory?: Uint8Array | undefined;
  labels?: Int32Array | undefined;
  /** Height and width of the result. */
  size: readonly number[];
  /** [N, 3]: top, left and whether to mirror; or theta [N, 2, 3]. */
  windows?: Int32Array;
  theta?: Float32Array;
  color?: Float32Array;
  contrast?: Float32Array;
  /** [N, 4]: top, left, height and width of what becomes `erasedColor`. */
  erased?: Int32Array;
  erasedColor?: readonly number[];
  mean: readonly number[];
  std: readonly number[];
  fill: readonly number[];
  /** Of the images. */
  dtype: Dtype;
  device: Device;
}

interface Rectangle {
  top: number;
  left: number;
  height: number;
  width: number;
}

interface PixelSize {
  height: number;
  width: number;
}

/** `window` of `region`, which is in pixels of the whole image, after it was resized; without a region all of it. */
export interface CutOptions {
  region: Rectangle | undefined;
  resized: PixelSize | undefined;
  window: Rectangle;
  interpolation: "nearest" | "bilinear" | "bicubic" | "lanczos";
}

export interface DecodeImageOptions extends CutOptions {
  limitInputPixels: number;
  /** EXIF's, of a JPEG: all else is about the upright image. */
  orientation?: number;
  /**
   * 1, 2, 4 or 8: of its size, that a JPEG is decoded at. Where nothing is resized, windows are in these pixels.
   */
  eighths?: number;
  /** Decodes what is there of a damaged JPEG. */
  repair?: boolean;
  /** Whether a WebP image may be transparent. */
  alpha?: boolean;
}

/** The term of the classifier's logits, as native/train takes it: cross-entropy, and what makes another loss of it. */
export interface ClassificationTerm {
  /** Default 0. */
  labelSmoothing?: number;
  /** γ of the focal loss. Default: cross-entropy. */
  focalGamma?: number;
  /** What the entropy of the predicted probabilities is subtracted with. Default 0. */
  entropyWeight?: number;
  /** A loss in place of all that. Default: none. */
  plugIn?: PlugInTerm;
}

/** A loss of native/train/losses. */
export interface PlugInTerm {
  type: string;
  numbers: Readonly<Record<string, number>>;
  tensors?: Readonly<Record<string, TensorHandle>>;
  /** Whose output the images' vectors are; "": the features' global average. Default: no layer's. */
  layer?: string;
}

/** The training objective, as native/train takes it; what is added to it is there by its name. */
export interface ObjectiveOptions extends ClassificationTerm {
  labelSmoothing: number;
  blockClasses: number[];
  blockChannels: number[];
  keep: number[];
  alpha: number;
  beta: number;
  perSample: boolean;
  pooling: string;
  diversityPooling: string;
  diversityOver: string;
  generator: GeneratorHandle | null;
}

/** A parameter or buffer by torchvision's name. */
export interface NamedTensor {
  name: string;
  tensor: TensorHandle;
  trainable: boolean;
}

/** What a network made of images. */
export interface ForwardOutput {
  features: TensorHandle;
  logits: TensorHandle;
  taps: TensorHandle[];
}

/** How a model that is frozen for inference computes: with packed weights where there are kernels for them, or without. */
export type InferenceForm = "packed" | "plain";

/** Losses are means over the batch, those of the added terms by name; counts are sums. */
export interface BatchMetrics {
  loss: number;
  crossEntropy: number;
  discriminality: number;
  diversity: number;
  correct: number;
  groupsCorrect: number;
}

/** A batch's metrics, and of each sample: the predicted class, how many classes come before the true one, and the
 * class that the channel groups alone predict (-1 without groups). */
export interface BatchEvaluation extends BatchMetrics {
  samples: Int32Array;
}

/** A group of parameters with the options of native/train's optimizer. */
export interface OptimizerGroup {
  parameters: TensorHandle[];
  learningRate: number;
}

/** How each image of a batch is mixed with the one before it; see native/train/mix_batch.h. */
export interface MixingOptions {
  classes: number;
  share: number;
  /** top, left, height, width */
  box?: readonly number[] | undefined;
}

/** How one training step is made, beyond what it trains and on what; see native/train/classification.h. */
export interface StepOptions {
  learningRates: readonly number[];
  autocast?: Dtype;
  clipNorm?: number;
  clipValue?: number;
  accumulate: number;
  position: number;
  scaler?: GradScalerHandle;
  ema?: EmaHandle;
  graph?: StepGraphHandle;
  reducer?: GradientReducerHandle;
  /** What the images and labels go through first. */
  mixing?: MixingOptions | undefined;
  /** A float32 scalar where the model is: whether a loss of the update under way was not finite. */
  foundInf: TensorHandle;
  /** Whether training goes on after a loss that is not finite. */
  skipNonFinite: boolean;
}

/** The update of a model, as native/train takes it. */
export interface Update extends StepOptions {
  model: ModelHandle;
  optimizer: OptimizerHandle;
  objective: ObjectiveOptions;
}

/** One training step, as native/train takes it. */
export interface TrainingStep extends Update {
  images: TensorHandle;
  labels: TensorHandle;
}

/** Where processes find each other: a file, or a server that one of them is; see native/distributed/store.h. */
export interface NativeStoreOptions {
  file?: string;
  host?: string;
  port?: number;
  serve?: boolean;
  /** A numeric address of this machine, at which alone a server listens; absent: at all of them. */
  listen?: string;
  worldSize: number;
  /** In ms. */
  timeout: number;
}

/** A process's place in a group; see native/distributed/process_group.h. */
export interface NativeGroupOptions {
  backend: string;
  prefix: string;
  rank: number;
  worldSize: number;
  address?: string;
  /** In ms. */
  timeout: number;
}

/** See native/distributed/gradient_reducer.h. */
export interface NativeReducerOptions {
  firstBucketBytes: number;
  bucketBytes: number;
  /** Sends bfloat16. */
  compress: boolean;
}

/** How a tensor lies in a file; see native/io. */
export interface StoredTensor {
  dtype: Dtype;
  shape: readonly number[];
  /** Of the first element, in bytes from the start of the file. */
  offset: number;
  /** In elements. Default: row-major. */
  strides?: readonly number[];
  /** Whether its elements have the other byte order. Default: false. */
  swapped?: boolean;
}

/** See MemoryUsage in lib/tensor/memory.ts. */
export interface NativeMemory {
  tensors: number;
  bytes: number;
  bytesByDevice: Record<string, number>;
  allocators: Record<string, { allocated: number; reserved: number; peak: number }>;
}

/** How operations run: whether they are recorded (0), not (1) or inference (2), and what else is done with them. */
export type OperationMode =
  number | { readonly recording: number; readonly anomaly: boolean; readonly pass: PassHandle | null };

/** A function with a backward of its own, whose forward has run. */
export interface FunctionCall {
  name: string;
  inputs: (TensorHandle | null)[];
  outputs: TensorHandle[];
  differentiable: boolean[];
  saved: (TensorHandle | null)[];
  backward: NativeCallback;
}

/**
 * What the addon exports: native/node/function_table.cpp, of which a test compares names, parameters and promises.
 * Functions that return promises are jobs: they run in order on the executor's thread, and read the state of their
 * arguments when their turn comes. The others run at once; they throw ERR_BUSY where a job may be writing what they read,
 * or reading what they write.
 */
export interface Binding {
  initialize(options: { errorClass: typeof McLossError } & ReturnType<typeof callbackRunner>): void;
  /**
   * Lets the running job finish, and rejects the promises of those that have not started. Where it waits for another
   * process and there is an exit code, the process ends with it at once.
   */
  shutdown(exitCode: number | undefined): void;
  /** The number of the job behind the promise that was returned last. */
  lastJob(): number;
  /** Whether the job had not started; then its promise rejects with `reason`. */
  cancelJob(job: number, reason: Error): boolean;
  torchVersion(): { compiled: string; runtime: string };
  threads(count?: number): number;
  allowTf32(allow?: boolean): boolean;

  findOperator(name: string): {
    id: number;
    schema: string;
    parameters: string[];
    written: (number | null)[];
  };
  listOperators(): { name: string; schema: string; unsupported: string[] }[];
  call(operator: number, mode: OperationMode, empty: TensorHandle | undefined, ...args: unknown[]): unknown;
  /** The same as a job. */
  callInTurn(operator: number, mode: OperationMode, ...args: unknown[]): Promise<unknown>;
  emptyHandle(): TensorHandle;
  tensorFromData(
    data: TypedArray,
    shape: readonly number[],
    dtype: Dtype,
    device: Device,
    requiresGrad: boolean,
    mode: OperationMode,
  ): TensorHandle;
  describe(tensor: TensorHandle): { shape: number[]; dtype: Dtype; device: Device; requiresGrad: boolean };
  shape(tensor: TensorHandle): number[];
  ndim(tensor: TensorHandle): number;
  item(tensor: TensorHandle): number | bigint | boolean | { kind: "complex"; re: number; im: number };
  data(tensor: TensorHandle): Promise<TypedArray>;
  backward(
    outputs: TensorHandle[],
    inputs: TensorHandle[],
    gradients: readonly (TensorHandle | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    mode: OperationMode,
  ): Promise<void>;
  gradients(
    outputs: TensorHandle[],
    inputs: TensorHandle[],
    gradients: readonly (TensorHandle | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    mode: OperationMode,
  ): Promise<(TensorHandle | null)[]>;
  grad(tensor: TensorHandle): TensorHandle | null;
  copyGradient(tensor: TensorHandle): Promise<TensorHandle | null>;
  clearGrad(tensor: TensorHandle): void;
  registerHook(tensor: TensorHandle, hook: NativeCallback): Handle<"Hook">;
  registerPostAccumulateGradHook(tensor: TensorHandle, hook: NativeCallback): Handle<"Hook">;
  removeHook(hook: Handle<"Hook">): void;
  applyFunction(call: FunctionCall, mode: OperationMode): (TensorHandle | null)[];
  startCheckpoint(inputs: TensorHandle[], recompute: NativeCallback): PassHandle;
  beginPass(pass: PassHandle): void;
  endPass(pass: PassHandle): void;
  finishCall(call: number, results: readonly (TensorHandle | null)[]): void;
  failCall(call: number, reason: unknown): void;
  dispose(handle: Handle): void;
  memory(): NativeMemory;
  emptyCache(): void;
  generator(seed: number, device: Device): GeneratorHandle;
  manualSeed(seed: number): void;
  /** LibTorch's own, which dropout draws from. */
  defaultGenerator(device: Device): GeneratorHandle;
  /** uint8 [bytes] */
  generatorState(generator: GeneratorHandle): TensorHandle;
  restoreGenerator(generator: GeneratorHandle, state: TensorHandle): void;

  /** Without a seed the weights have no values yet. */
  createModel(spec: object, seed: number | null): ModelHandle;
  createModelInTurn(spec: object, seed: number | null): Promise<ModelHandle>;
  forward(
    model: ModelHandle,
    images: TensorHandle,
    mode: OperationMode,
    taps: readonly string[],
    autocast: Dtype | undefined,
    frozen: InferenceForm | undefined,
  ): Promise<ForwardOutput>;
  /** The same in training: running statistics move. */
  forwardTraining(
    model: ModelHandle,
    images: TensorHandle,
    mode: OperationMode,
    taps: readonly string[],
    autocast: Dtype | undefined,
  ): Promise<ForwardOutput>;
  modelState(model: ModelHandle): NamedTensor[];
  /** Copies, one for each entry of {@link modelState}. */
  modelGradients(model: ModelHandle): Promise<(TensorHandle | null)[]>;
  modelTo(
    model: ModelHandle,
    target: { device?: Device; dtype?: Dtype; channelsLast?: boolean },
  ): Promise<void>;
  /** Whether no weight is infinite or NaN. */
  isFinite(model: ModelHandle): Promise<boolean>;
  /** `positions` in {@link modelState}. */
  freeze(model: ModelHandle, positions: number[], frozen: boolean): void;

  createOptimizer(definition: { kind: string; groups: readonly OptimizerGroup[] }): OptimizerHandle;
  optimizerStep(
    optimizer: OptimizerHandle,
    learningRates: readonly number[],
    foundInf: TensorHandle | null,
  ): Promise<void>;
  zeroGrad(optimizer: OptimizerHandle): Promise<void>;
  optimizerState(
    optimizer: OptimizerHandle,
  ): { group: number; parameter: number; name: string; tensor: TensorHandle }[];
  clipGradNorm(parameters: TensorHandle[], maxNorm: number): Promise<TensorHandle>;
  clipGradValue(parameters: TensorHandle[], limit: number): Promise<void>;
  createGradScaler(options: object): GradScalerHandle;
  scaleLoss(scaler: GradScalerHandle, loss: TensorHandle): TensorHandle;
  unscaleGradients(scaler: GradScalerHandle, parameters: TensorHandle[]): Promise<TensorHandle>;
  updateScale(scaler: GradScalerHandle, foundInf: TensorHandle): Promise<void>;
  scalerState(scaler: GradScalerHandle): { scale: number; growthTracker: number };
  restoreScaler(scaler: GradScalerHandle, state: { scale: number; growthTracker: number }): void;
  createEma(model: ModelHandle, decay: number): EmaHandle;
  updateEma(ema: EmaHandle, model: ModelHandle): Promise<void>;
  emaState(ema: EmaHandle): NamedTensor[];
  trainStep(step: TrainingStep, mode: OperationMode): Promise<TensorHandle>;
  createStepGraph(): StepGraphHandle;
  /** Why steps are made without the graph; empty while there is no reason. */
  stepGraphRefusal(graph: StepGraphHandle): string;
  /** Makes the update of the batches since the last one, which are fewer than there were to be. */
  finishUpdate(step: Update): Promise<void>;
  /** Of steps, by what `trainStep` gave; `groupsCorrect` is 0. */
  mixBatch(
    images: TensorHandle,
    labels: TensorHandle,
    mixing: MixingOptions,
  ): Promise<{ images: TensorHandle; targets: TensorHandle }>;
  readMetrics(steps: readonly TensorHandle[]): Promise<BatchMetrics[]>;
  evaluateBatch(
    model: ModelHandle,
    images: TensorHandle,
    labels: TensorHandle,
    objective: ObjectiveOptions,
    autocast: Dtype | undefined,
    byPlan: boolean,
  ): Promise<BatchEvaluation>;

  connectStore(options: NativeStoreOptions): Promise<StoreHandle>;
  storeSet(store: StoreHandle, key: string, value: string): Promise<void>;
  /** Waits for the key for `timeout` ms. */
  storeGet(store: StoreHandle, key: string, timeout: number): Promise<string>;
  storeHas(store: StoreHandle, key: string): Promise<boolean>;
  /** Gives the sum; a key begins at 0. */
  storeAdd(store: StoreHandle, key: string, amount: number): Promise<number>;
  createGroup(store: StoreHandle, group: NativeGroupOptions): Promise<ProcessGroupHandle>;
  allReduce(group: ProcessGroupHandle, tensor: TensorHandle, reduction: string): Promise<void>;
  broadcast(group: ProcessGroupHandle, tensor: TensorHandle, from: number): Promise<void>;
  allGather(group: ProcessGroupHandle, tensor: TensorHandle): Promise<TensorHandle>;
  barrier(group: ProcessGroupHandle): Promise<void>;
  /** Drops the connections. */
  destroyGroup(group: ProcessGroupHandle): Promise<void>;
  /** The sums over the processes, of as many numbers on each. */
  sumNumbers(group: ProcessGroupHandle, numbers: readonly number[]): Promise<number[]>;
  /** By rank. */
  gatherTexts(group: ProcessGroupHandle, text: string): Promise<string[]>;
  /** Gives all processes those of rank 0. */
  broadcastTensors(group: ProcessGroupHandle, tensors: readonly TensorHandle[]): Promise<void>;
  /** The positions of those that are not the same on all processes, bit for bit. */
  findDifferences(group: ProcessGroupHandle, tensors: readonly TensorHandle[]): Promise<number[]>;
  averageGradients(
    group: ProcessGroupHandle,
    parameters: readonly TensorHandle[],
    options: NativeReducerOptions,
  ): Promise<void>;
  createReducer(
    group: ProcessGroupHandle,
    parameters: readonly TensorHandle[],
    options: NativeReducerOptions,
  ): GradientReducerHandle;
  /** Whose batches batch normalisation takes for one in training; null for this process's alone. */
  setBatchNormGroup(model: ModelHandle, group: ProcessGroupHandle | null): void;

  /** Of "jpeg", "png" and "webp": whether decodeImage() can be asked. */
  hasImageDecoder(format: string): boolean;
  /** How many threads work on images, of all environments together; lets at least `count` be. */
  imageThreads(count?: number): number;
  /** Has one of these threads sleep: for a benchmark, what work on a core of its own would take. */
  holdImageThread(milliseconds: number): Promise<void>;
  /** All of a regular file; null where it is none, is empty, has more bytes or cannot be read. */
  readFile(path: string | Uint8Array, mostBytes: number): Promise<Uint8Array | null>;
  /** Frees what `readFile` gave, which is empty then, before the garbage collector finds it. */
  freeBytes(bytes: Uint8Array): void;
  /** False where the file is for sharp to decode. */
  decodeImage(
    format: string,
    bytes: Uint8Array,
    options: DecodeImageOptions,
    target: Uint8Array,
  ): Promise<boolean>;
  /**
   * Makes changes of 8-bit RGB pixels, each its name and its numbers, one after another; see native/data/edit_pixels.h. The
   * two may be the same memory.
   */
  editPixels(
    source: Uint8Array,
    size: readonly [height: number, width: number],
    edits: readonly (readonly [name: string, ...values: number[]])[],
    target: Uint8Array,
  ): Promise<void>;
  /**
   * Of an image that was decoded to `size`, where its own is `whole`.
   * @param pixels RGB rows
   */
  cutPixels(
    pixels: Uint8Array,
    options: CutOptions & { size: PixelSize; whole: PixelSize },
    target: Uint8Array,
  ): Promise<boolean>;
  /** `pixels` and `memory` must not change until the transfer is over. */
  sendBatch(options: PixelBatchOptions): Promise<BatchTransferHandle>;
  /** Gives the batch, once; what runs on the device afterwards waits for it. */
  joinBatch(transfer: BatchTransferHandle): Promise<{ images: TensorHandle; labels: TensorHandle | null }>;
  /** Whether the device has read all that it was given. */
  isOver(transfer: BatchTransferHandle): boolean;
  /** Memory that a GPU reads by itself. */
  pinnedBuffer(bytes: number): Uint8Array;
  /** Whether this process now holds the file's lock. */
  tryLock(descriptor: number): boolean;
  readTensors(descriptor: number, path: string, stored: readonly StoredTensor[]): Promise<TensorHandle[]>;
  readInto(
    descriptor: number,
    path: string,
    stored: readonly StoredTensor[],
    tensors: readonly TensorHandle[],
  ): Promise<void>;
  writeTensors(
    descriptor: number,
    path: string,
    stored: readonly StoredTensor[],
    tensors: readonly TensorHandle[],
  ): Promise<void>;
}

let binding: Binding | undefined;

/** The addon, where it is loaded. */
export function loadedNative(): Binding | undefined {
  return binding;
}

/** The addon, loaded at the first call. Throws what {@link loadAddon} throws. */
export function native(): Binding {
  if (binding) return binding;
  const loaded = loadAddon() as Binding;
  loaded.initialize({ errorClass: McLossError, ...callbackRunner(loaded) });
  loaded.imageThreads(coreShare());
  // LibTorch crashes when a thread still computes while the process exits.
  process.once("exit", (code) => loaded.shutdown(isMainThread ? code : undefined));
  binding = loaded;
  return loaded;
}
