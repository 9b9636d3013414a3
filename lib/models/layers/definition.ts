import { z } from "zod";
import type { Definition, Filled, OptionShape } from "../../definition.js";
import type { OnnxNodes, Value } from "./onnx.js";
import type { Shape } from "./shapes.js";

/** A layer as the layers around it know it. */
export interface AnyLayer {
  readonly type: string;
  readonly name?: string;
}

/** A parameter or buffer that a layer has, by torchvision's name for it. */
export interface TensorDescription {
  name: string;
  shape: number[];
  trainable: boolean;
}

/** What is known of a layer before it runs. */
export interface Inferred {
  output: Shape;
  /** Named without the layer's own name. Default: none. */
  tensors?: TensorDescription[];
  /** Multiply-accumulate operations for one image. Default 0. */
  macs?: number;
}

/** A layer among others, as it is inferred or exported: `Result` is a shape or an ONNX value. */
interface Place<Result> {
  /** Dotted: "layer1.0.conv1". */
  readonly name: string;
  readonly input: Result;
  /** What layers that run one after another make of the input. They are inside this one. */
  readonly sequence: (layers: readonly AnyLayer[]) => Result;
  /** What one layer inside this one makes of the input. @param name where it has none of its own */
  readonly layer: (layer: AnyLayer, name: string) => Result;
}

/** Where a layer's shapes are inferred. */
export type InferencePlace = Place<Shape>;

/** Where a layer is written as ONNX. */
export interface OnnxPlace extends Place<Value> {
  readonly graph: OnnxNodes;
  readonly output: Shape;
}

/** One type of layer. native/nn builds the module of the same name from the same options. */
export interface LayerDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  /** Which options hold a layer, or a list of layers. Default: none. */
  readonly inside?: readonly (keyof Options & string)[];
  /** @throws McLossError ERR_SHAPE or ERR_ARGUMENT that names the layer, where its input does not fit */
  infer(options: Filled<Options>, place: InferencePlace): Inferred;
  /** Writes it, as it is in inference, and gives its output. @throws McLossError ERR_UNSUPPORTED */
  toOnnx(options: Filled<Options>, place: OnnxPlace): string;
}

export function defineLayer<const Name extends string, Options extends OptionShape>(
  definition: LayerDefinition<Name, Options>,
): LayerDefinition<Name, Options> {
  return definition;
}

/** A layer's options with their defaults; layers inside it stay as they are. */
export function fillOptions({ options }: LayerDefinition, layer: object): Filled<OptionShape> {
  const given = Object.entries(layer).filter(([, value]) => value !== undefined);
  const defaults = Object.entries(options).flatMap(([key, schema]) =>
    schema instanceof z.ZodDefault ? [[key, schema.def.defaultValue]] : [],
  );
  return Object.fromEntries([...defaults, ...given]) as Filled<OptionShape>;
}

/** Parameters named as torch.nn's: "weight" and, where `bias` is not 0, "bias". */
export function weights(kernel: readonly number[], bias: number): TensorDescription[] {
  const weight = { name: "weight", shape: [...kernel], trainable: true };
  return bias > 0 ? [weight, { name: "bias", shape: [bias], trainable: true }] : [weight];
}
