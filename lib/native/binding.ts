import type { Device, Dtype, TypedArray } from "../tensor/dtype.js";
import { McLossError } from "../errors.js";
import { loadAddon } from "./load.js";

declare const brand: unique symbol;
/** An opaque native object. Its kind is checked natively before every use. */
export interface Handle<Kind extends string = string> {
  readonly [brand]: Kind;
}
export type TensorHandle = Handle<"Tensor">;
export type GeneratorHandle = Handle<"Generator">;
export type ModelHandle = Handle<"Model">;
export type SgdHandle = Handle<"SGD">;

/** A batch as decoded, with each sample's augmentation; see lib/data. */
export interface PrepareImagesOptions {
  pixels: Uint8Array;
  shape: readonly number[];
  theta?: Float32Array;
  color?: Float32Array;
  contrast?: Float32Array;
  mean: readonly number[];
  std: readonly number[];
  fill: readonly number[];
  device: Device;
}

/** The training objective, as native/train takes it. */
export interface ObjectiveOptions {
  blockClasses: number[];
  blockChannels: number[];
  keep: number[];
  alpha: number;
  beta: number;
  perSample: boolean;
  pooling: string;
  diversityPooling: string;
  generator: GeneratorHandle | null;
}

/** Losses are means over the batch; counts are sums. */
export interface BatchMetrics {
  size: number;
  loss: number;
  crossEntropy: number;
  discriminality: number;
  diversity: number;
  correct: number;
  groupsCorrect: number;
}

export interface SgdGroupOptions {
  parameters: TensorHandle[];
  learningRate: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
}

/** What the addon exports. Functions that return promises run in order on the executor's thread. */
export interface Binding {
  initialize(options: { errorClass: typeof McLossError }): void;
  shutdown(): void;
  torchVersion(): { compiled: string; runtime: string };
  threads(count?: number): number;

  call(name: string, args: unknown[], named: object, grad: boolean): unknown;
  schemaOf(name: string): string;
  tensorFromData(
    data: TypedArray,
    shape: readonly number[],
    dtype: Dtype,
    device: Device,
    requiresGrad: boolean,
  ): TensorHandle;
  describe(tensor: TensorHandle): { shape: number[]; dtype: Dtype; device: Device; requiresGrad: boolean };
  item(tensor: TensorHandle): number | bigint | boolean;
  data(tensor: TensorHandle): Promise<TypedArray>;
  backward(tensor: TensorHandle, gradient: TensorHandle | null, retainGraph: boolean): Promise<void>;
  gradients(
    outputs: TensorHandle[],
    inputs: TensorHandle[],
    gradients: (TensorHandle | null)[],
    retainGraph: boolean,
    createGraph: boolean,
  ): Promise<(TensorHandle | null)[]>;
  grad(tensor: TensorHandle): TensorHandle | null;
  clearGrad(tensor: TensorHandle): void;
  dispose(handle: Handle): void;
  isDisposed(tensor: TensorHandle): boolean;
  memory(): { tensors: number; bytes: number };
  generator(seed: number): GeneratorHandle;
  manualSeed(seed: number): void;

  createModel(spec: object, seed: number): ModelHandle;
  forward(
    model: ModelHandle,
    images: TensorHandle,
    training: boolean,
    grad: boolean,
  ): Promise<{ features: TensorHandle; logits: TensorHandle }>;
  modelState(model: ModelHandle): { name: string; tensor: TensorHandle; trainable: boolean }[];
  modelTo(model: ModelHandle, device: Device): Promise<void>;

  createSgd(groups: SgdGroupOptions[]): SgdHandle;
  sgdStep(optimizer: SgdHandle, learningRates: number[]): Promise<void>;
  zeroGrad(optimizer: SgdHandle): Promise<void>;
  trainStep(
    model: ModelHandle,
    optimizer: SgdHandle,
    images: TensorHandle,
    labels: TensorHandle,
    objective: ObjectiveOptions,
    learningRates: number[],
  ): Promise<BatchMetrics>;
  evaluateBatch(
    model: ModelHandle,
    images: TensorHandle,
    labels: TensorHandle,
    objective: ObjectiveOptions,
  ): Promise<BatchMetrics>;

  prepareImages(options: PrepareImagesOptions): Promise<TensorHandle>;
  readTensors(
    path: string,
    entries: { shape: number[]; dtype: Dtype; offset: number }[],
  ): Promise<TensorHandle[]>;
  writeSafetensors(path: string, header: string, tensors: TensorHandle[]): Promise<void>;
}

let binding: Binding | undefined;

/** The addon, loaded at the first call. Throws what {@link loadAddon} throws. */
export function native(): Binding {
  if (binding) return binding;
  const loaded = loadAddon() as Binding;
  loaded.initialize({ errorClass: McLossError });
  // LibTorch crashes when a thread still computes while the process exits.
  process.once("exit", () => loaded.shutdown());
  binding = loaded;
  return loaded;
}
