import { defineLayer } from "./definition.js";
import { image } from "./shapes.js";

export const bilinearPool = defineLayer({
  name: "bilinearPool",
  summary:
    "Bilinear pooling of an image [C, H, W] with itself to C·C numbers: the mean over places of the outer product, then " +
    "sign(x)·√|x|, then division by the L2 norm (B-CNN, Lin et al. 2015)",
  options: {},
  infer(_, { name, input }) {
    const [channels, height, width] = image(name, input);
    return { output: [channels * channels], macs: channels * channels * height * width };
  },
  toOnnx(_, { graph, name, input }) {
    const [channels = 0, height = 0, width = 0] = input.shape;
    const part = (label: string): string => `${name}.${label}`;
    const shape = graph.integers(part("shape"), [0, channels, height * width]);
    const rows = graph.node("Reshape", part("places"), [input.name, shape]);
    const columns = graph.node("Transpose", part("transposed"), [rows], { perm: [0, 2, 1] });
    const outer = graph.node("MatMul", part("outer"), [rows, columns]);
    const product = graph.node("Flatten", part("product"), [outer], { axis: 1 });
    const mean = graph.node("Div", part("mean"), [product, graph.scalar(part("count"), height * width)]);
    const shifted = graph.node("Add", part("shifted"), [
      graph.node("Abs", part("abs"), [mean]),
      graph.scalar(part("epsilon"), 1e-10),
    ]);
    const rooted = graph.node("Mul", part("rooted"), [
      graph.node("Sign", part("sign"), [mean]),
      graph.node("Sqrt", part("root"), [shifted]),
    ]);
    const squares = graph.node("Mul", part("squares"), [rooted, rooted]);
    const sum = graph.node("ReduceSum", part("sum"), [squares, graph.integers(part("axes"), [1])], {
      keepdims: 1,
    });
    const norm = graph.node("Max", part("norm"), [
      graph.node("Sqrt", part("length"), [sum]),
      graph.scalar(part("least"), 1e-12),
    ]);
    return graph.node("Div", name, [rooted, norm]);
  },
});
