import { defineLayer } from "./definition.js";
import { image } from "./shapes.js";

export const spaceToDepth = defineLayer({
  name: "spaceToDepth",
  summary:
    "Each 2×2 places side by side as channels, column by column (the patch merging of Swin, Liu et al. 2021); odd sides are " +
    "padded with zeros",
  options: {},
  infer(_, { name, input }) {
    const [channels, height, width] = image(name, input);
    return { output: [4 * channels, Math.ceil(height / 2), Math.ceil(width / 2)] };
  },
  toOnnx(_, { graph, name, input }) {
    const [, height = 1, width = 1] = input.shape;
    const sides = graph.integers(`${name}.padding`, [0, 0, 0, 0, 0, 0, height % 2, width % 2]);
    const padded = graph.node("Pad", `${name}.padded`, [input.name, sides]);
    const [axes, steps] = [graph.integers(`${name}.axes`, [2, 3]), graph.integers(`${name}.steps`, [2, 2])];
    const ends = graph.integers(`${name}.ends`, [height + 1, width + 1]);
    const corners = CORNERS.map((corner) => {
      const starts = graph.integers(`${name}.starts`, corner);
      return graph.node("Slice", `${name}.corner`, [padded, starts, ends, axes, steps]);
    });
    return graph.node("Concat", name, corners, { axis: 1 });
  },
});

/** Row and column of each part, in torchvision's order. */
const CORNERS = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;
