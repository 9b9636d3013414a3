import { z } from "zod";
import { count } from "../../schema.js";
import { trainable } from "./attention.js";
import { defineLayer } from "./definition.js";
import { image, shapeError } from "./shapes.js";

// Tokens are an image of one column, so that what works on the channels of each place works on them too.

export const classToken = defineLayer({
  name: "classToken",
  summary:
    "The places of an image in one column, and before them a token that is learned (ViT; Dosovitskiy et al. 2021): a parameter " +
    "with the layer's own name",
  options: {
    /** Channels of the input. */
    features: count,
  },
  infer({ features }, { name, input }) {
    const [, height, width] = image(name, input, features);
    return { output: [features, height * width + 1, 1], tensors: [trainable("", 1, 1, features)] };
  },
  toOnnx({ features }, { graph, name, input }) {
    const part = (label: string) => `${name}.${label}`;
    const places = graph.node("Reshape", part("places"), [
      input.name,
      graph.integers(part("column"), [0, features, -1, 1]),
    ]);
    // Of zeros, so that there is one for each image.
    const first = graph.node("Slice", part("first"), [
      places,
      ...[0, 1, 2].map((bound) => graph.integers(part("bound"), [bound])),
    ]);
    const none = graph.node("Mul", part("none"), [first, graph.scalar(part("zero"), 0)]);
    const token = graph.node("Add", part("token"), [none, graph.weight(name, [1, features, 1, 1])]);
    return graph.node("Concat", part("tokens"), [token, places], { axis: 2 });
  },
});

export const positionEmbedding = defineLayer({
  name: "positionEmbedding",
  summary:
    "Adds to each token numbers of its place that are learned (ViT): a parameter with the layer's own name",
  options: {
    /** Tokens of the input. */
    tokens: count,
    /** Channels of the input. */
    features: count,
    /** They start from normal(0, weightStd). */
    weightStd: z.number().positive().default(0.02),
  },
  infer({ tokens, features }, { name, input }) {
    const [, height, width] = image(name, input, features);
    if (height * width !== tokens && !Number.isNaN(height * width)) {
      throw shapeError(name, `is for ${tokens} tokens`, input);
    }
    return { output: input, tensors: [trainable("", 1, tokens, features)] };
  },
  toOnnx({ tokens, features }, { graph, name, input }) {
    const stored = graph.weight(name, [1, tokens, features, 1]);
    const places = graph.node("Transpose", `${name}.places`, [stored], { perm: [0, 2, 1, 3] });
    return graph.node("Add", `${name}.sum`, [input.name, places]);
  },
});

export const dropClassToken = defineLayer({
  name: "dropClassToken",
  summary: "The tokens after the first as the image that they were: what classToken took",
  options: {
    /** Of the image. */
    height: count,
    /** Of the image. */
    width: count,
  },
  infer({ height, width }, { name, input }) {
    const [channels, tokens] = image(name, input);
    if (tokens !== height * width + 1 && !Number.isNaN(tokens)) {
      throw shapeError(name, `needs a token and ${height} × ${width} places`, input);
    }
    return { output: [channels, height, width] };
  },
  toOnnx({ height, width }, { graph, name, input }) {
    const [channels = 1, tokens = 1] = input.shape;
    const bounds = [1, tokens, 2].map((bound) => graph.integers(`${name}.bound`, [bound]));
    const places = graph.node("Slice", `${name}.places`, [input.name, ...bounds]);
    return graph.node("Reshape", name, [
      places,
      graph.integers(`${name}.shape`, [0, channels, height, width]),
    ]);
  },
});

export const takeClassToken = defineLayer({
  name: "takeClassToken",
  summary: "The channels of the first token",
  options: {},
  infer(_, { name, input }) {
    const [channels] = image(name, input);
    return { output: [channels] };
  },
  toOnnx(_, { graph, name, input }) {
    const bounds = [0, 1, 2].map((bound) => graph.integers(`${name}.bound`, [bound]));
    const first = graph.node("Slice", `${name}.first`, [input.name, ...bounds]);
    return graph.node("Flatten", name, [first], { axis: 1 });
  },
});
