import { z } from "zod";
import { count } from "../../schema.js";
import { defineLayer } from "./definition.js";
import { image } from "./shapes.js";

export const layerScale = defineLayer({
  name: "layerScale",
  summary:
    "A factor for each channel, which is learned (ConvNeXt; Liu et al. 2022): a parameter with the layer's own name",
  options: {
    /** Channels of the input. */
    features: count,
    /** What the factors start from. */
    init: z.number().default(1e-6),
  },
  infer: ({ features }, { name, input }) => ({
    output: image(name, input, features),
    tensors: [{ name: "", shape: [features, 1, 1], trainable: true }],
  }),
  toOnnx: (_, { graph, name, input }) => graph.node("Mul", name, [input.name, graph.weight(name)]),
});
