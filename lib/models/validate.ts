import { z } from "zod";
import { McLossError } from "../errors.js";
import { parse } from "../schema.js";
import { describeSpec } from "./describe-spec.js";
import { modelInfo, type ModelInfo } from "./info.js";
import { PLAIN_TYPES, type LayerSpec } from "./layers.js";
import type { ModelSpec } from "./spec.js";

const count = z.int().positive();
const size = z.union([count, z.tuple([count, count])], "must be a positive integer, or [height, width]");
const extent = z.int().nonnegative();
const padding = z.union(
  [extent, z.tuple([extent, extent])],
  "must be a non-negative integer, or [height, width]",
);
const convolutionPadding = z.union(
  [extent, z.tuple([extent, extent]), z.enum(["same", "valid"])],
  'must be a non-negative integer, [height, width], "same" or "valid"',
);
const share = z.number().min(0).max(1);
const name = z
  .string()
  .regex(/^[^.]+$/, "must be a name without dots")
  .optional();

const layer: z.ZodType<LayerSpec> = z.lazy(() =>
  z.discriminatedUnion("type", layerKinds),
) as z.ZodType<LayerSpec>;

const poolWindow = {
  kernelSize: size,
  stride: size.optional(),
  padding: padding.optional(),
  ceilMode: z.boolean().optional(),
};

const layerKinds = [
  z.strictObject({
    type: z.literal("conv2d"),
    name,
    inChannels: count,
    outChannels: count,
    kernelSize: size,
    stride: size.optional(),
    padding: convolutionPadding.optional(),
    dilation: size.optional(),
    groups: count.optional(),
    bias: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.enum(["batchNorm2d", "batchNorm1d"]),
    name,
    features: count,
    eps: z.number().positive().optional(),
    momentum: z.number().min(0).max(1).optional(),
    affine: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("linear"),
    name,
    inFeatures: count,
    outFeatures: count,
    bias: z.boolean().optional(),
    weightStd: z.number().positive().optional(),
  }),
  z.strictObject({ type: z.enum(PLAIN_TYPES), name }),
  z.strictObject({ type: z.literal("leakyRelu"), name, negativeSlope: z.number().optional() }),
  z.strictObject({
    type: z.literal("groupNorm"),
    name,
    groups: count,
    features: count,
    eps: z.number().positive().optional(),
    affine: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("layerNorm2d"),
    name,
    features: count,
    eps: z.number().positive().optional(),
    affine: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal("prelu"),
    name,
    numParameters: count.optional(),
    init: z.number().optional(),
  }),
  z.strictObject({ type: z.literal("bilinearPool"), name }),
  z.strictObject({ type: z.literal("elu"), name, alpha: z.number().optional() }),
  z.strictObject({ type: z.enum(["dropout", "dropout2d"]), name, p: share.optional() }),
  z.strictObject({
    type: z.literal("stochasticDepth"),
    name,
    p: share.optional(),
    mode: z.enum(["row", "batch"]).optional(),
  }),
  z.strictObject({
    type: z.literal("maxPool2d"),
    name,
    ...poolWindow,
    dilation: size.optional(),
  }),
  z.strictObject({
    type: z.literal("avgPool2d"),
    name,
    ...poolWindow,
    countIncludePad: z.boolean().optional(),
  }),
  z.strictObject({ type: z.enum(["adaptiveAvgPool2d", "adaptiveMaxPool2d"]), name, outputSize: size }),
  z.strictObject({ type: z.literal("sequential"), name, layers: z.array(layer) }),
  z.strictObject({ type: z.literal("denseConnection"), name, layers: z.array(layer).min(1) }),
  z.strictObject({ type: z.literal("scale"), name, layers: z.array(layer).min(1) }),
  z.strictObject({ type: z.literal("concat"), name, branches: z.array(layer).min(1) }),
  z.strictObject({
    type: z.literal("residual"),
    name,
    layers: z.array(layer),
    shortcut: layer.optional(),
    activation: z.enum(["relu", "none"]).optional(),
  }),
  z.strictObject({
    type: z.literal("torchscript"),
    name: z
      .string()
      .regex(/^[^.]*$/, "must be a name without dots, or empty")
      .optional(),
    path: z.string().min(1),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits")
      .optional(),
    output: z.string().min(1).optional(),
  }),
] as const;

const modelSpec = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  input: z.strictObject({ channels: count, height: count, width: count }),
  classes: count,
  groups: z.array(z.strictObject({ classes: count, channels: count })),
  layers: z.array(layer).min(1),
  features: z.string(),
  init: z.enum(["pytorch", "released", "torchvision"]).optional(),
});

/** A model without its weights. */
export interface ModelJson {
  spec: ModelSpec;
  info: ModelInfo;
}

const modelJson = z.strictObject({ spec: modelSpec, info: modelInfo.optional() });

/**
 * Checks untrusted data, such as a checkpoint's, and gives it back as a spec. JSON.stringify writes what it reads.
 * @param value the spec, or its JSON text
 * @throws McLossError ERR_ARGUMENT that names the path of the bad node, such as `layers[3].outChannels`, or the name of
 * the layer that does not fit those before it
 */
export function parseModelSpec(value: unknown): ModelSpec {
  const spec = parse(modelSpec, parseText(value)) as ModelSpec;
  describeSpec(spec);
  return spec;
}

/**
 * Checks what {@link Model.toJSON} gave, as an object or as text.
 * @throws McLossError ERR_ARGUMENT as {@link parseModelSpec}
 */
export function parseModelJson(value: unknown): ModelJson {
  const { spec, info = {} } = parse(modelJson, parseText(value)) as { spec: ModelSpec; info?: ModelInfo };
  describeSpec(spec);
  return { spec, info };
}

function parseText(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new McLossError("ERR_ARGUMENT", `the text is not JSON: ${(cause as Error).message}`, { cause });
  }
}
