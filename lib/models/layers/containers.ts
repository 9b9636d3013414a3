import { z } from "zod";
import { flag } from "../../schema.js";
import { defineLayer } from "./definition.js";
import { nestedLayer } from "./nested.js";
import { compatible, differs, image, shapeError, type Shape } from "./shapes.js";

/** Of containers whose layers may have names as if they stood in the layer around it. */
const inline = {
  /** Whether the names of the tensors inside leave out the layer's own name. */
  inline: flag.default(false),
};

export const sequential = defineLayer({
  name: "sequential",
  summary: "torch.nn.Sequential",
  options: {
    /** Run one after another. */
    layers: z.array(nestedLayer).readonly(),
    ...inline,
  },
  inside: ["layers"],
  infer: ({ layers }, { sequence }) => ({ output: sequence(layers) }),
  toOnnx: ({ layers }, { sequence }) => sequence(layers).name,
});

export const residual = defineLayer({
  name: "residual",
  summary: "activation(layers(x) + shortcut(x)), He et al. 2016",
  options: {
    /** Run one after another. */
    layers: z.array(nestedLayer).readonly(),
    /** Named "downsample" unless it has a name. Default: x itself. */
    shortcut: nestedLayer.optional(),
    /** Of the sum. */
    activation: z.enum(["relu", "none"]).default("relu"),
    ...inline,
  },
  inside: ["layers", "shortcut"],
  infer({ layers, shortcut }, { name, input, sequence, layer }) {
    const output = sequence(layers);
    const skipped = shortcut ? layer(shortcut, "downsample") : input;
    if (compatible(skipped, output)) return { output };
    throw shapeError(name, `adds a shortcut of shape [${skipped.join(", ")}] to`, output);
  },
  toOnnx({ layers, shortcut, activation }, { graph, name, input, sequence, layer }) {
    const skipped = shortcut ? layer(shortcut, "downsample") : input;
    const sum = graph.node("Add", `${name}.sum`, [sequence(layers).name, skipped.name]);
    return activation === "relu" ? graph.node("Relu", name, [sum]) : sum;
  },
});

export const aside = defineLayer({
  name: "aside",
  summary:
    "Gives its input as it is; what its layers make of it can be tapped and be the features, beside the way to the logits",
  options: {
    /** Run one after another. */
    layers: z.array(nestedLayer).min(1).readonly(),
    ...inline,
  },
  inside: ["layers"],
  infer({ layers }, { input, sequence }) {
    sequence(layers);
    return { output: input };
  },
  // The logits need nothing of it.
  toOnnx: (_, { input }) => input.name,
});

export const concat = defineLayer({
  name: "concat",
  summary:
    "Every branch on the same image, the outputs side by side as channels (torch.cat along the channels)",
  options: {
    /** Each on the layer's input. */
    branches: z.array(nestedLayer).min(1).readonly(),
  },
  inside: ["branches"],
  infer: ({ branches }, { name, layer }) => ({
    output: sideBySide(
      name,
      branches.map((branch, position) => layer(branch, String(position))),
    ),
  }),
  toOnnx({ branches }, { graph, name, layer }) {
    const outputs = branches.map((branch, position) => layer(branch, String(position)).name);
    return graph.node("Concat", name, outputs, { axis: 1 });
  },
});

export const denseConnection = defineLayer({
  name: "denseConnection",
  summary: "x and layers(x) side by side as channels: the dense connection of DenseNet, Huang et al. 2017",
  options: {
    /** Run one after another. */
    layers: z.array(nestedLayer).min(1).readonly(),
  },
  inside: ["layers"],
  infer: ({ layers }, { name, input, sequence }) => ({ output: sideBySide(name, [input, sequence(layers)]) }),
  toOnnx: ({ layers }, { graph, name, input, sequence }) =>
    graph.node("Concat", name, [input.name, sequence(layers).name], { axis: 1 }),
});

export const scale = defineLayer({
  name: "scale",
  summary:
    "x · layers(x), where the layers give a factor for each channel: squeeze-and-excitation, Hu et al. 2018",
  options: {
    /** Run one after another; they give [C, 1, 1]. */
    layers: z.array(nestedLayer).min(1).readonly(),
  },
  inside: ["layers"],
  infer({ layers }, { name, input, sequence }) {
    const [channels] = image(name, input);
    const factors = sequence(layers);
    if (compatible(factors, [channels, 1, 1])) return { output: input };
    throw shapeError(name, `needs layers that give [${channels}, 1, 1]`, factors);
  },
  toOnnx: ({ layers }, { graph, name, input, sequence }) =>
    graph.node("Mul", name, [input.name, sequence(layers).name]),
});

function sideBySide(name: string, shapes: readonly Shape[]): Shape {
  const images = shapes.map((shape) => image(name, shape));
  const [, height, width] = images[0] ?? image(name, []);
  const other = images.find((each) => differs(each[1], height) || differs(each[2], width));
  if (other) throw shapeError(name, `puts images of ${height}×${width} beside one`, other);
  return [images.reduce((sum, [channels]) => sum + channels, 0), height, width];
}
