import { defineLayer } from "./definition.js";
import { product } from "./shapes.js";

export const flatten = defineLayer({
  name: "flatten",
  summary: "torch.nn.Flatten from the second dimension on",
  options: {},
  infer: (_, { input }) => ({ output: [input.length === 0 ? NaN : product(input)] }),
  toOnnx: (_, { graph, name, input }) => graph.node("Flatten", name, [input.name], { axis: 1 }),
});
