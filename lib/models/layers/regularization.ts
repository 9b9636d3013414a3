import { z } from "zod";
import { share } from "../../schema.js";
import { defineLayer, type InferencePlace, type Inferred, type OnnxPlace } from "./definition.js";

/** Layers that give what they take, but for dropping some of it in training. */
const unchanged = {
  infer: (_: unknown, { input }: InferencePlace): Inferred => ({ output: input }),
  toOnnx: (_: unknown, { input }: OnnxPlace): string => input.name,
};

export const identity = defineLayer({
  name: "identity",
  summary: "torch.nn.Identity",
  options: {},
  ...unchanged,
});

export const dropout = defineLayer({
  name: "dropout",
  summary: "torch.nn.Dropout",
  options: {
    /** The share that is zeroed in training. */
    p: share.default(0.5),
  },
  ...unchanged,
});

export const dropout2d = defineLayer({
  name: "dropout2d",
  summary: "torch.nn.Dropout2d, which zeroes whole channels",
  options: {
    /** The share that is zeroed in training. */
    p: share.default(0.5),
  },
  ...unchanged,
});

export const stochasticDepth = defineLayer({
  name: "stochasticDepth",
  summary:
    "torchvision.ops.StochasticDepth: zeroes samples, or the whole batch, in training; the last layer of a residual body",
  options: {
    /** The share that is zeroed. */
    p: share.default(0),
    /** Whether each sample is zeroed by itself. */
    mode: z.enum(["row", "batch"]).default("row"),
  },
  ...unchanged,
});
