import { Model, type ModelInfo } from "./model.js";
import {
  resnet101Spec,
  resnet18Spec,
  resnet34Spec,
  resnet50Spec,
  type ResNet18Options,
  type ResNet50Options,
} from "./resnet.js";
import { smallResNetSpec, type SmallResNetOptions } from "./small-resnet.js";
import type { ModelSpec } from "./spec.js";
import { bilinearVgg16Spec, vgg16Spec, type BilinearVgg16Options, type Vgg16Options } from "./vgg.js";

export { Model, type ModelInfo, type ModelOutput, type StateEntry } from "./model.js";
export type { StateDifference } from "./load-state.js";
export type { ModelSpec } from "./spec.js";
export type { LayerSpec } from "./layers.js";
export { describeModel, type LayerDescription, type ModelDescription } from "./describe.js";
export { parseModelSpec } from "./validate.js";
export { squeezeExcite } from "./blocks.js";
export type { BilinearVgg16Options, ResNet18Options, ResNet50Options, SmallResNetOptions, Vgg16Options };

interface Weights {
  /** Of the initial weights. Default 0. */
  seed?: number;
  /** Class names and normalisation, which travel in checkpoints. */
  info?: ModelInfo;
}

/** A function from a network's options, seed and info to a model. */
function network<Options extends object>(spec: (options: Options) => ModelSpec) {
  return ({ seed = 0, info = {}, ...options }: Options & Weights): Model =>
    new Model(spec(options as unknown as Options), { seed, info });
}

/** {@link resnet18Spec} as a model. */
export const resnet18 = network<ResNet18Options>(resnet18Spec);
/** {@link resnet34Spec} as a model. */
export const resnet34 = network<ResNet18Options>(resnet34Spec);
/** {@link resnet101Spec} as a model. */
export const resnet101 = network<ResNet50Options>(resnet101Spec);
/** {@link bilinearVgg16Spec} as a model. */
export const bilinearVgg16 = network<BilinearVgg16Options>(bilinearVgg16Spec);
/** {@link resnet50Spec} as a model. */
export const resnet50 = network<ResNet50Options>(resnet50Spec);
/** {@link vgg16Spec} as a model. */
export const vgg16 = network<Vgg16Options>(vgg16Spec);
/** {@link smallResNetSpec} as a model. */
export const smallResNet = network<SmallResNetOptions>(smallResNetSpec);
