import { z } from "zod";
import { count, flag } from "../../schema.js";
import { defineLayer, weights } from "./definition.js";
import { weightAndBias } from "./onnx.js";
import { image, product, vector } from "./shapes.js";

export const linear = defineLayer({
  name: "linear",
  summary: "torch.nn.Linear, of a vector or of the channels of each place of an image",
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
    /** Weights start from uniform(−weightBound, weightBound) and the bias from 0. Default: torch.nn.Linear's own. */
    weightBound: z.number().nonnegative().optional(),
  },
  infer({ inFeatures, outFeatures, bias }, { name, input }) {
    const places = input.length === 3 ? image(name, input, inFeatures).slice(1) : [];
    if (input.length !== 3) vector(name, input, inFeatures);
    const kernel = [outFeatures, inFeatures];
    return {
      output: [outFeatures, ...places],
      tensors: weights(kernel, bias ? outFeatures : 0),
      macs: product(kernel) * product(places),
    };
  },
  toOnnx({ inFeatures, outFeatures, bias }, { graph, name, input }) {
    if (input.shape.length < 3) {
      return graph.node("Gemm", name, [input.name, ...weightAndBias(graph, name, bias)], { transB: 1 });
    }
    const kernel = graph.weight(`${name}.weight`, [outFeatures, inFeatures, 1, 1]);
    const inputs = [input.name, kernel, ...(bias ? [graph.weight(`${name}.bias`)] : [])];
    return graph.node("Conv", name, inputs, { kernel_shape: [1, 1] });
  },
});
