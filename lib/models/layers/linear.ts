import { z } from "zod";
import { count, flag } from "../../schema.js";
import { defineLayer, weights } from "./definition.js";
import { weightAndBias } from "./onnx.js";
import { product, vector } from "./shapes.js";

export const linear = defineLayer({
  name: "linear",
  summary: "torch.nn.Linear",
  options: {
    /** Numbers that come in. */
    inFeatures: count,
    /** Numbers that go out. */
    outFeatures: count,
    /** Whether each output has a number of its own added. */
    bias: flag.default(true),
    /**
     * Weights start from normal(0, weightStd) and the bias from 0, as in torchvision's VGG and MobileNet (0.01). Default:
     * torch.nn.Linear's own.
     */
    weightStd: z.number().positive().optional(),
  },
  infer({ inFeatures, outFeatures, bias }, { name, input }) {
    vector(name, input, inFeatures);
    const kernel = [outFeatures, inFeatures];
    return {
      output: [outFeatures],
      tensors: weights(kernel, bias ? outFeatures : 0),
      macs: product(kernel),
    };
  },
  toOnnx: ({ bias }, { graph, name, input }) =>
    graph.node("Gemm", name, [input.name, ...weightAndBias(graph, name, bias)], { transB: 1 }),
});
