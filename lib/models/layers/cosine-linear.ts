import { z } from "zod";
import { count } from "../../schema.js";
import { defineLayer, weights } from "./definition.js";
import { product, vector } from "./shapes.js";

export const cosineLinear = defineLayer({
  name: "cosineLinear",
  summary:
    "The cosine between a vector and each row of the weights, times a number: a classifier for ArcFace",
  options: {
    /** Numbers that come in. */
    inFeatures: count,
    /** Numbers that go out. */
    outFeatures: count,
    /** What the cosines are multiplied with. */
    scale: z.number().positive().default(64),
  },
  infer({ inFeatures, outFeatures }, { name, input }) {
    vector(name, input, inFeatures);
    const kernel = [outFeatures, inFeatures];
    return { output: [outFeatures], tensors: weights(kernel, 0), macs: product(kernel) };
  },
  toOnnx({ scale }, { graph, name, input }) {
    const directionOf = (part: string, value: string) =>
      graph.node("LpNormalization", `${name}.${part}`, [value], { axis: 1, p: 2 });
    const inputs = [directionOf("input", input.name), directionOf("rows", graph.weight(`${name}.weight`))];
    const cosines = graph.node("Gemm", `${name}.cosines`, inputs, { transB: 1 });
    return graph.node("Mul", name, [cosines, graph.scalar(`${name}.scale`, scale)]);
  },
});
