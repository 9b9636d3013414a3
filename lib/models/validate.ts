import { z } from "zod";
import { McLossError } from "../errors.js";
import { describeModel } from "./describe.js";
import { PLAIN_TYPES, type LayerSpec } from "./layers.js";
import type { ModelInfo } from "./model.js";
import type { ModelSpec } from "./spec.js";

const count = z.int().positive();
const size = z.union([count, z.tuple([count, count])]);
const padding = z.union([z.int().nonnegative(), z.tuple([z.int().nonnegative(), z.int().nonnegative()])]);
const name = z
  .string()
  .regex(/^[^.]+$/, "must be a name without dots")
  .optional();

const layer: z.ZodType<LayerSpec> = z.lazy(() =>
  z.discriminatedUnion("type", layerKinds),
) as z.ZodType<LayerSpec>;

const layerKinds = [
  z.strictObject({
    type: z.literal("conv2d"),
    name,
    inChannels: count,
    outChannels: count,
    kernelSize: size,
    stride: size.optional(),
    padding: padding.optional(),
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
  }),
  z.strictObject({ type: z.enum(PLAIN_TYPES), name }),
  z.strictObject({ type: z.literal("leakyRelu"), name, negativeSlope: z.number().optional() }),
  z.strictObject({
    type: z.literal("groupNorm"),
    name,
    groups: count,
    features: count,
    eps: z.number().positive().optional(),
  }),
  z.strictObject({ type: z.literal("bilinearPool"), name }),
  z.strictObject({ type: z.literal("elu"), name, alpha: z.number().optional() }),
  z.strictObject({ type: z.literal("dropout"), name, p: z.number().min(0).max(1).optional() }),
  z.strictObject({
    type: z.enum(["maxPool2d", "avgPool2d"]),
    name,
    kernelSize: size,
    stride: size.optional(),
    padding: padding.optional(),
  }),
  z.strictObject({ type: z.enum(["adaptiveAvgPool2d", "adaptiveMaxPool2d"]), name, outputSize: size }),
  z.strictObject({ type: z.literal("sequential"), name, layers: z.array(layer) }),
  z.strictObject({ type: z.literal("scale"), name, layers: z.array(layer).min(1) }),
  z.strictObject({ type: z.literal("concat"), name, branches: z.array(layer).min(1) }),
  z.strictObject({
    type: z.literal("residual"),
    name,
    layers: z.array(layer),
    shortcut: layer.optional(),
    activation: z.enum(["relu", "none"]).optional(),
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
  init: z.enum(["pytorch", "released"]).optional(),
});

const rgb = z.tuple([z.number(), z.number(), z.number()]);

const modelInfo = z.object({
  classNames: z.array(z.string()).optional(),
  normalization: z.object({ mean: rgb, std: rgb }).optional(),
});

/**
 * Checks untrusted data and gives it back as a model's info.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad part
 */
export function parseModelInfo(value: unknown): ModelInfo {
  return parse(modelInfo, value) as ModelInfo;
}

/**
 * Checks untrusted data, such as a checkpoint's, and gives it back as a spec.
 * @throws McLossError ERR_ARGUMENT that names the path of the bad node, such as `layers[3].outChannels`
 */
export function parseModelSpec(value: unknown): ModelSpec {
  const spec = parse(modelSpec, value) as ModelSpec;
  describeModel(spec);
  return spec;
}

function parse(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = pathText(issue?.path ?? []);
  throw new McLossError("ERR_ARGUMENT", `${path}: ${issue?.message ?? "is not valid"}`, { argument: path });
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  return text.replace(/^\./, "") || "the value";
}
