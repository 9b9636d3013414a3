import { z } from "zod";
import { count } from "../../schema.js";
import { defineLayer, weights, type InferencePlace, type Inferred, type OnnxPlace } from "./definition.js";
import { float, type Attributes } from "./onnx.js";
import { differs, shapeError } from "./shapes.js";

function keepsShape(_: unknown, { input }: InferencePlace): Inferred {
  return { output: input };
}

/** An activation without options that is one operator of ONNX. */
function plainActivation<const Name extends string>(
  name: Name,
  summary: string,
  opType: string,
  attributes?: Attributes,
) {
  return defineLayer({
    name,
    summary,
    options: {},
    infer: keepsShape,
    toOnnx: (_, place) => place.graph.node(opType, place.name, [place.input.name], attributes),
  });
}

export const relu = plainActivation("relu", "torch.nn.ReLU", "Relu");
export const sigmoid = plainActivation("sigmoid", "torch.nn.Sigmoid", "Sigmoid");
export const tanh = plainActivation("tanh", "torch.nn.Tanh", "Tanh");
export const hardswish = plainActivation("hardswish", "torch.nn.Hardswish", "HardSwish");
export const hardsigmoid = plainActivation("hardsigmoid", "torch.nn.Hardsigmoid", "HardSigmoid", {
  alpha: float(1 / 6),
  beta: float(0.5),
});

export const relu6 = defineLayer({
  name: "relu6",
  summary: "torch.nn.ReLU6",
  options: {},
  infer: keepsShape,
  toOnnx(_, { graph, name, input }) {
    const limits = [graph.scalar(`${name}.min`, 0), graph.scalar(`${name}.max`, 6)];
    return graph.node("Clip", name, [input.name, ...limits]);
  },
});

export const silu = defineLayer({
  name: "silu",
  summary: "torch.nn.SiLU",
  options: {},
  infer: keepsShape,
  toOnnx: (_, { graph, name, input }) =>
    graph.node("Mul", name, [input.name, graph.node("Sigmoid", `${name}.sigmoid`, [input.name])]),
});

export const gelu = defineLayer({
  name: "gelu",
  summary: "torch.nn.GELU",
  options: {},
  infer: keepsShape,
  /** x/2 · (1 + erf(x/√2)) */
  toOnnx(_, { graph, name, input }) {
    const constant = (part: string, value: number) => graph.scalar(`${name}.${part}`, value);
    const scaled = graph.node("Div", `${name}.scaled`, [input.name, constant("sqrt2", Math.SQRT2)]);
    const erf = graph.node("Erf", `${name}.erf`, [scaled]);
    const shifted = graph.node("Add", `${name}.shifted`, [erf, constant("one", 1)]);
    const half = graph.node("Mul", `${name}.half`, [input.name, constant("factor", 0.5)]);
    return graph.node("Mul", name, [half, shifted]);
  },
});

export const elu = defineLayer({
  name: "elu",
  summary: "torch.nn.ELU",
  options: {
    /** What large negative numbers go towards, negated. */
    alpha: z.number().default(1),
  },
  infer: keepsShape,
  toOnnx: ({ alpha }, { graph, name, input }: OnnxPlace) =>
    graph.node("Elu", name, [input.name], { alpha: float(alpha) }),
});

export const leakyRelu = defineLayer({
  name: "leakyRelu",
  summary: "torch.nn.LeakyReLU",
  options: {
    /** Of negative numbers. */
    negativeSlope: z.number().default(0.01),
  },
  infer: keepsShape,
  toOnnx: ({ negativeSlope }, { graph, name, input }) =>
    graph.node("LeakyRelu", name, [input.name], { alpha: float(negativeSlope) }),
});

export const prelu = defineLayer({
  name: "prelu",
  summary: "torch.nn.PReLU",
  options: {
    /** One slope for all channels, or one for each: 1 or the number of channels. */
    numParameters: count.default(1),
    /** What the slopes start from. */
    init: z.number().default(0.25),
  },
  infer({ numParameters }, { name, input }) {
    const [channels = NaN] = input;
    if (numParameters !== 1 && differs(numParameters, channels)) {
      throw shapeError(name, `has slopes for ${numParameters} channels`, input);
    }
    return { output: input, tensors: weights([numParameters], 0) };
  },
  toOnnx({ numParameters }, { graph, name, input }) {
    // One slope for each channel, whatever dimensions follow.
    const slopes = [numParameters, ...input.shape.slice(1).map(() => 1)];
    return graph.node("PRelu", name, [input.name, graph.weight(`${name}.weight`, slopes)]);
  },
});
