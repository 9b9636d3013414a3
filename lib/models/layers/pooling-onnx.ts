import type { OnnxPlace } from "./definition.js";
import type { OnnxNodes } from "./onnx.js";

type Pair = readonly [number, number];

/** A window that slides over an image. */
export interface PoolWindow {
  kernel: Pair;
  strides: Pair;
  padding: Pair;
  dilations: Pair;
}

/**
 * Padding at the end that makes the output as large as it is. Rounding its size up is written so, as readers of ONNX differ
 * in what they make of ceil_mode.
 */
function extraPadding({ kernel, strides, padding, dilations }: PoolWindow, place: OnnxPlace): number[] {
  return ([0, 1] as const).map((axis) => {
    const covered =
      ((place.output[axis + 1] ?? 1) - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
    return Math.max(0, covered - (place.input.shape[axis + 1] ?? 0) - 2 * padding[axis]);
  });
}

/** Both sides' padding, with the extra one at the end. */
function pads(inner: readonly number[], extra: readonly number[]): number[] {
  return [...inner, ...inner.map((side, axis) => side + (extra[axis] ?? 0))];
}

export function maxPool(window: PoolWindow, place: OnnxPlace): string {
  const { graph, name, input } = place;
  const { kernel, strides, padding, dilations } = window;
  const extra = extraPadding(window, place);
  const attributes = { kernel_shape: kernel, strides, dilations };
  if (kernel.every((extent, axis) => padding[axis as 0 | 1] + (extra[axis] ?? 0) < extent)) {
    return graph.node("MaxPool", name, [input.name], { ...attributes, pads: pads(padding, extra) });
  }
  // Readers want padding to be smaller than the kernel, dilated or not.
  const sides = graph.integers(`${name}.padding`, [0, 0, 0, 0, 0, 0, ...extra]);
  const lowest = graph.scalar(`${name}.lowest`, -Infinity);
  const padded = graph.node("Pad", `${name}.padded`, [input.name, sides, lowest]);
  return graph.node("MaxPool", name, [padded], { ...attributes, pads: [...padding, ...padding] });
}

/** @param counted whether the padding's zeros count in the mean */
export function averagePool(window: PoolWindow, counted: boolean, place: OnnxPlace): string {
  const { graph, name, input } = place;
  const { kernel, strides, padding } = window;
  const extra = extraPadding(window, place);
  const attributes = { kernel_shape: kernel, strides };
  if (counted && extra.some((side) => side > 0)) {
    // The layer's own zeros count in the mean, and what is added here does not.
    const zeros = graph.integers(`${name}.padding`, [0, 0, ...padding, 0, 0, ...padding]);
    const padded = graph.node("Pad", `${name}.padded`, [input.name, zeros]);
    return graph.node("AveragePool", name, [padded], { ...attributes, pads: pads([0, 0], extra) });
  }
  return graph.node("AveragePool", name, [input.name], {
    ...attributes,
    pads: pads(padding, extra),
    count_include_pad: Number(counted),
  });
}

/** Pooling to a size of its own: one window that slides where it fits, and otherwise a window for each row and column. */
export function poolToSize(
  op: "AveragePool" | "MaxPool",
  size: Pair,
  { graph, name, input }: OnnxPlace,
): string {
  const [, height = 1, width = 1] = input.shape;
  const extents = [height, width] as const;
  if (size.every((extent) => extent === 1)) return graph.node(`Global${op}`, name, [input.name]);
  if (extents.every((extent, axis) => extent % (size[axis] ?? 1) === 0)) {
    const kernel = extents.map((extent, axis) => extent / (size[axis] ?? 1));
    return graph.node(op, name, [input.name], { kernel_shape: kernel, strides: kernel });
  }
  const rows = poolAlong(graph, op, `${name}.rows`, input.name, { axis: 0, extent: height, count: size[0] });
  return poolAlong(graph, op, name, rows, { axis: 1, extent: width, count: size[1] });
}

/** PyTorch's windows: from ⌊i·extent/count⌋ to ⌈(i + 1)·extent/count⌉. */
function poolAlong(
  graph: OnnxNodes,
  op: string,
  name: string,
  input: string,
  { axis, extent, count }: { axis: 0 | 1; extent: number; count: number },
): string {
  const axes = graph.integers(`${name}.axis`, [axis + 2]);
  const pooled = Array.from({ length: count }, (_, index) => {
    const start = Math.floor((index * extent) / count);
    const end = Math.ceil(((index + 1) * extent) / count);
    const bounds = [graph.integers(`${name}.start`, [start]), graph.integers(`${name}.end`, [end])];
    const slice = graph.node("Slice", `${name}.slice`, [input, ...bounds, axes]);
    const kernel = axis === 0 ? [end - start, 1] : [1, end - start];
    return graph.node(op, `${name}.window`, [slice], { kernel_shape: kernel });
  });
  return graph.node("Concat", name, pooled, { axis: axis + 2 });
}
