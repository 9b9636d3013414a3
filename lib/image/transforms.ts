import { z } from "zod";
import { Registry, type FilledSpec, type Spec } from "../definition.js";
import { parse } from "../schema.js";
import * as constructors from "./transforms/index.js";

export * from "./transforms/index.js";
export type { ImageSize, Interpolation, Rgb } from "./transform-options.js";

/** All transforms, by their names. */
export const transforms = new Registry(Object.values(constructors).map(({ definition }) => definition));

/** A step from an image to a network's input, as plain data. */
export type TransformSpec = Spec<typeof transforms>;

/** A {@link TransformSpec} with its defaults. */
export type FilledTransform = FilledSpec<typeof transforms>;

/** For the specs that carry transforms: fills in their defaults. */
export const transformList = z.array(transforms.filled).min(1);

/**
 * Checks untrusted data, such as a configuration file's, and gives it back as transforms with the defaults filled in.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad part, such as `[2].padding`
 */
export function parseTransforms(value: unknown): TransformSpec[] {
  return parse(transformList, value);
}
