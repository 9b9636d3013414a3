import { z } from "zod";
import { index, parseOptions, type Shape } from "../schema.js";
import { modelInfoOptions, type ModelInfo } from "./info.js";
import { Model } from "./model.js";
import {
  resnet101Spec,
  resnet18Shape,
  resnet18Spec,
  resnet34Spec,
  resnet50Shape,
  resnet50Spec,
  type ResNet18Options,
  type ResNet50Options,
} from "./resnet.js";
import { smallResNetShape, smallResNetSpec, type SmallResNetOptions } from "./small-resnet.js";
import type { ModelSpec } from "./spec.js";
import {
  bilinearVgg16Shape,
  bilinearVgg16Spec,
  vgg16Shape,
  vgg16Spec,
  type BilinearVgg16Options,
  type Vgg16Options,
} from "./vgg.js";

/** What every network takes beside its own options. */
export interface Weights {
  /** Of the initial weights. Default 0. */
  seed?: number;
  /** Class names and normalisation, which travel in checkpoints. */
  info?: ModelInfo;
}

const weightsShape = { seed: index.optional(), info: modelInfoOptions.optional() } satisfies Shape<Weights>;

/** A function from a network's options, seed and info to a model, which refuses options of other names. */
function network<Options extends object>(spec: (options: Options) => ModelSpec, shape: Shape<Options>) {
  const schema = z.strictObject({ ...shape, ...weightsShape });
  return (given: Options & Weights): Model => {
    const { seed, info, ...options } = parseOptions(schema, given) as Options & Weights;
    return new Model(spec(options as unknown as Options), { seed: seed ?? 0, info: info ?? {} });
  };
}

/** ResNet18 (He et al. 2016), in torchvision's form or in the form that the paper trains from scratch. */
export const resnet18 = network<ResNet18Options>(resnet18Spec, resnet18Shape);
/** ResNet34 (He et al. 2016); the options are ResNet18's. */
export const resnet34 = network<ResNet18Options>(resnet34Spec, resnet18Shape);
/** ResNet101 (He et al. 2016); the options are ResNet50's. */
export const resnet101 = network<ResNet50Options>(resnet101Spec, resnet50Shape);
/** VGG16's convolutions with bilinear pooling (B-CNN; Lin et al. 2015). */
export const bilinearVgg16 = network<BilinearVgg16Options>(bilinearVgg16Spec, bilinearVgg16Shape);
/** ResNet50 (He et al. 2016) with torchvision's names; its 2048 channels are split among the classes. */
export const resnet50 = network<ResNet50Options>(resnet50Spec, resnet50Shape);
/** VGG16 (Simonyan & Zisserman 2015) with torchvision's names. */
export const vgg16 = network<Vgg16Options>(vgg16Spec, vgg16Shape);
/** A small residual network for small images. */
export const smallResNet = network<SmallResNetOptions>(smallResNetSpec, smallResNetShape);
