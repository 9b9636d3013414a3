import { z } from "zod";
import { checkRecord } from "../check-argument.js";
import type { Definition, Filled, Given, OptionShape } from "../definition.js";
import { parse } from "../schema.js";
import type { Matrix } from "./augmentation.js";
import type { Region, Size } from "./geometry.js";
import type { PixelEdit } from "./pixel-edits.js";
import type { Random } from "./random.js";
import type { Interpolation, Rgb } from "./transform-options.js";

/** How images come to their first size: by the decoder. Its option `interpolation` says how. */
export interface ScalingDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  readonly stage: "scaling";
  /** Whether an image has other pixels each time. */
  readonly random: boolean;
  /** The size of every image then; undefined where it depends on the image. */
  sizeOfAll(options: Filled<Options>): Size | undefined;
  /** What is meant where no crop follows, so that all images must have one size. */
  uncropped(options: Filled<Options>): Filled<Options>;
  /** The part of an image that is resized (absent: all of it), and its size then. */
  scale(options: Filled<Options>, image: Size, random: Random): { region?: Region; size: Size };
}

/**
 * A step from then on. Geometry is done by the decoder or the device, edits on the CPU between them, the rest by the
 * device. Where it has the option
 * `size`, that is what its crop leaves; where it has `fill`, that comes in from outside.
 */
export interface StepDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  readonly stage: "step";
  /** What it may change. */
  readonly changes: readonly (keyof Change)[];
  /** Whether it does the same to every image of one size. Default false. */
  readonly fixed?: boolean;
  /** How far its crop may reach beyond the image on each side, in pixels. Default 0. */
  margin?(options: Filled<Options>): number;
  /** What becomes of erased pixels, in the units of the tensor that it changes. */
  erasedColor?(options: Filled<Options>): Rgb;
  /** What it does to one image, given its size then. */
  draw(options: Filled<Options>, random: Random, image: Size): Change;
}

/** What a step does to one image. */
export interface Change {
  /** The part that is left, in pixels of the image as it is then; it may reach beyond it. */
  crop?: Region;
  /** Whether left and right are exchanged. */
  mirror?: boolean;
  /** Changes of 8-bit pixels, on the CPU. */
  edits?: readonly PixelEdit[];
  /** Any other geometry, which the device interpolates. */
  matrix?: Matrix;
  /** 3×3 by rows, on RGB. */
  color?: readonly number[];
  /** Scales about the image's mean grey, before all colours. */
  contrast?: number;
  /** What becomes the erased colour. */
  erased?: Region;
}

/** Several crops of each image, for evaluation. Its option `size` is theirs. */
export interface ViewsDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  readonly stage: "views";
  /** For each view whether it is of the mirror image. */
  readonly mirrored: readonly boolean[];
  /** For each view its part of the image or the mirror image. */
  parts(options: Filled<Options>, image: Size): Region[];
}

/** The last step to the tensor: (value − mean) / std. */
export interface NormalizeDefinition<
  Name extends string = string,
  Options extends OptionShape = OptionShape,
> extends Definition<Name, Options> {
  readonly stage: "normalize";
}

/** One transform: all that is known of it. */
export type TransformDefinition = ScalingDefinition | StepDefinition | ViewsDefinition | NormalizeDefinition;

export function defineScaling<
  const Name extends string,
  Options extends OptionShape & { interpolation: z.ZodType<Interpolation> },
>(definition: ScalingDefinition<Name, Options>): ScalingDefinition<Name, Options> {
  return definition;
}

export function defineStep<const Name extends string, Options extends OptionShape>(
  definition: StepDefinition<Name, Options>,
): StepDefinition<Name, Options> {
  return definition;
}

export function defineViews<
  const Name extends string,
  Options extends OptionShape & { size: z.ZodType<Size> },
>(definition: ViewsDefinition<Name, Options>): ViewsDefinition<Name, Options> {
  return definition;
}

export function defineNormalize<
  const Name extends string,
  Options extends OptionShape & { mean: z.ZodType<Rgb>; std: z.ZodType<Rgb> },
>(definition: NormalizeDefinition<Name, Options>): NormalizeDefinition<Name, Options> {
  return definition;
}

/** What a transform's constructor makes: plain data with the defaults filled in. */
export type Made<Of extends Definition> =
  Of extends Definition<infer Name, infer Options> ? { type: Name } & Filled<Options> : never;

/** What a transform may be given beside what it is about. */
export type OptionsOf<Of extends Definition, About extends string = never> =
  Of extends Definition<string, infer Options> ? Omit<Given<Options>, About> : never;

/**
 * Checks what a constructor was given.
 * @param about its arguments before the options
 * @throws McLossError ERR_ARGUMENT naming the option
 */
export function make<Name extends string, Options extends OptionShape>(
  definition: Definition<Name, Options>,
  about: object,
  options: object = {},
): Made<Definition<Name, Options>> {
  checkRecord("options", options, "an object");
  const filled = parse(z.strictObject(definition.options), { ...about, ...options });
  return { type: definition.name, ...filled };
}
