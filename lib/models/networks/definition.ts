import { z } from "zod";
import type { Definition, Filled, Given, OptionShape } from "../../definition.js";
import { IMAGENET_STATISTICS } from "../../image/presets.js";
import { count, index, parseOptions, type Shape } from "../../schema.js";
import { adapterOptions, withAdapter, type AdapterOptions } from "../adapter.js";
import { modelInfoOptions, type ModelInfo } from "../info.js";
import type { Model } from "../model.js";
import type { NewModelOptions } from "../model-options.js";
import type { ModelSpec } from "../spec.js";

/** One of torchvision's files of ImageNet weights, and the images that it was trained on. */
export interface WeightsFile {
  /** What `weights` and `--weights` call it. */
  name: "imagenet" | "imagenet-v2";
  /** The file's name, which ends in the first digits of its SHA-256: "resnet18-f37072fd.pth". */
  file: string;
  /** MiB, as torchvision's `_file_size` has it. */
  size: number;
  /** The layer that gives the logits of ImageNet's classes. */
  classifier: string;
  /** The shorter side that images are brought to. */
  resize: number;
  /** Side of the square in their middle that the network then takes. */
  crop: number;
  interpolation: "bilinear" | "bicubic";
  normalization: NonNullable<ModelInfo["normalization"]>;
  /** Whether it is for this form of the network. Default: for every one. */
  readonly fits?: (spec: ModelSpec) => boolean;
}

/** What is other with a file than with most: those of IMAGENET1K_V1, for images of 256 cropped to 224. */
type Differences = Partial<Pick<WeightsFile, "name" | "resize" | "crop" | "interpolation" | "fits">>;

/** A file of torchvision 0.28; see its `*_Weights` classes. */
export function imageNetWeights(
  file: string,
  size: number,
  classifier: string,
  { name = "imagenet", resize = 256, crop = 224, interpolation = "bilinear", fits }: Differences = {},
): WeightsFile {
  const images = { resize, crop, interpolation, normalization: IMAGENET_STATISTICS };
  return { name, file, size, classifier, ...images, fits };
}

/** One network: its options but for the classes, which the data have, and what it is made of. */
export interface NetworkDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  /** What it has where `--model` says its name alone. Default: the defaults. */
  readonly byName?: Given<Options>;
  /** Of each name the first that fits is the network's own. Default: there are none. */
  readonly weights?: readonly WeightsFile[];
  /** What older files call its tensors, and what they are called now. Default: the same. */
  readonly olderNames?: readonly (readonly [older: RegExp, now: string])[];
  build(options: Filled<Options> & { classes: number }): ModelSpec;
}

/** Whether a network with channels of its own for each class has another form, without them: torchvision's. */
export function hasPlainForm({ options }: Pick<NetworkDefinition, "options">): boolean {
  return options["channelsPerClass"] instanceof z.ZodOptional;
}

/** What every network takes, and no data say. */
export interface CommonNetworkOptions {
  /** K */
  classes: number;
  /** Channels of its own for each class, after any backbone: see {@link AdapterOptions}. Default: none. */
  adapter?: AdapterOptions;
}

/** What a network of these options takes. */
export type NetworkOptions<Options extends object> = Options & CommonNetworkOptions;

/** What every network takes beside its own options. */
export interface Weights {
  /** Of the initial weights. Default: that of the Trainer that needs them first, or else 0. */
  seed?: number;
  /** Class names and normalisation, which travel in checkpoints. */
  info?: ModelInfo;
}

/** A function that makes a network; `Options` are its own. */
export interface Network<Name extends string, Options extends object> {
  /** A model of the network, whose weights start from `seed`. @throws McLossError ERR_ARGUMENT naming the option */
  (options: NetworkOptions<Options> & Weights): Model;
  /** The network as data: no model is made. @throws McLossError ERR_ARGUMENT naming the option */
  readonly spec: (options: NetworkOptions<Options>) => ModelSpec;
  /** @internal */
  readonly definition: NetworkDefinition<Name, ShapeOf<Options>>;
}

/** The schemas of options that are given so. */
type ShapeOf<Options extends object> = {
  readonly [Key in keyof Options]-?: undefined extends Options[Key]
    ? z.ZodOptional<z.ZodType<Options[Key]>>
    : z.ZodType<Options[Key], Options[Key]>;
};

/** Written out, for whoever reads a type. */
type Written<T> = T extends object ? { [Key in keyof T]: T[Key] } : never;

const weightsShape = { seed: index.optional(), info: modelInfoOptions.optional() } satisfies Shape<Weights>;

export function defineNetwork<const Name extends string, Shape extends OptionShape>(
  definition: NetworkDefinition<Name, Shape>,
): Network<Name, Written<Given<Shape>>> {
  const schema = z.strictObject({
    ...definition.options,
    ...adapterOptions,
    ...weightsShape,
    classes: count,
  });
  const make = (given: object): Model => {
    const { seed, info, ...options } = parseOptions(schema, given) as Weights;
    return makeModel(buildFilled(definition, options as never), { seed, info });
  };
  const spec = (given: object): ModelSpec => buildSpec(definition, given);
  return Object.assign(make, { spec, definition }) as never;
}

/** @throws McLossError ERR_ARGUMENT naming the option */
export function buildSpec(definition: NetworkDefinition, given: object): ModelSpec {
  const schema = z.strictObject({ ...definition.options, ...adapterOptions, classes: count });
  return buildFilled(definition, parseOptions(schema, given));
}

function buildFilled(
  definition: Pick<NetworkDefinition, "build">,
  { adapter, ...options }: Filled<typeof adapterOptions> & { classes: number },
): ModelSpec {
  const spec = definition.build(options);
  return adapter ? withAdapter(spec, adapter) : spec;
}

let makeModel: (spec: ModelSpec, options: NewModelOptions) => Model = () => {
  throw new Error("models/model.ts has not been loaded");
};

/** Called once by models/model.ts: to list networks, none of what runs them is loaded. */
export function modelsAre(make: typeof makeModel): void {
  makeModel = make;
}
