import { z } from "zod";
import { McLossError } from "../errors.js";
import { count, parse } from "../schema.js";
import { describeSpec } from "./describe-spec.js";
import { modelInfo, type ModelInfo } from "./info.js";
import { layers } from "./layers.js";
import { initialization, type ModelSpec } from "./spec.js";

const modelSpec = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  input: z.strictObject({ channels: count, height: count, width: count }),
  classes: count,
  groups: z.array(z.strictObject({ classes: count, channels: count })),
  layers: z.array(layers.given).min(1),
  features: z.string(),
  init: initialization.optional(),
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
