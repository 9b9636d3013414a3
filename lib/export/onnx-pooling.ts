import { toPair, type AdaptivePool2d, type AvgPool2d, type MaxPool2d } from "../models/layers.js";
import type { OnnxGraph, Value } from "./onnx-graph.js";

/**
 * A pooling window that slides. Rounding the output's size up is written as more padding at the end, as readers of ONNX
 * differ in what they make of ceil_mode.
 */
export function slidingPool(
  graph: OnnxGraph,
  layer: MaxPool2d | AvgPool2d,
  name: string,
  input: Value,
  output: readonly number[],
): string {
  const kernel = toPair(layer.kernelSize);
  const strides = toPair(layer.stride ?? layer.kernelSize);
  const padding = toPair(layer.padding ?? 0);
  const dilations = toPair("dilation" in layer ? (layer.dilation ?? 1) : 1);
  const extra = ([0, 1] as const).map((axis) => {
    const covered = ((output[axis + 1] ?? 1) - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
    return Math.max(0, covered - (input.shape[axis + 1] ?? 0) - 2 * padding[axis]);
  });
  const window = { kernel_shape: kernel, strides };
  const pads = (inner: readonly number[]) => [
    ...inner,
    ...inner.map((side, axis) => side + (extra[axis] ?? 0)),
  ];
  if (layer.type === "maxPool2d") {
    if (kernel.every((extent, axis) => padding[axis as 0 | 1] + (extra[axis] ?? 0) < extent)) {
      return graph.node("MaxPool", name, [input.name], { ...window, dilations, pads: pads(padding) });
    }
    // Readers want padding to be smaller than the kernel, dilated or not.
    const sides = graph.integers(`${name}.padding`, [0, 0, 0, 0, 0, 0, ...extra]);
    const lowest = graph.scalar(`${name}.lowest`, -Infinity);
    const padded = graph.node("Pad", `${name}.padded`, [input.name, sides, lowest]);
    return graph.node("MaxPool", name, [padded], { ...window, dilations, pads: [...padding, ...padding] });
  }
  const counted = layer.countIncludePad ?? true;
  if (counted && extra.some((side) => side > 0)) {
    // The layer's own zeros count in the mean, and what is added here does not.
    const zeros = graph.integers(`${name}.padding`, [0, 0, ...padding, 0, 0, ...padding]);
    const padded = graph.node("Pad", `${name}.padded`, [input.name, zeros]);
    return graph.node("AveragePool", name, [padded], { ...window, pads: pads([0, 0]) });
  }
  return graph.node("AveragePool", name, [input.name], {
    ...window,
    pads: pads(padding),
    count_include_pad: Number(counted),
  });
}

/** Pooling to a size of its own: one window that slides where it fits, and otherwise a window for each row and column. */
export function adaptivePool(graph: OnnxGraph, layer: AdaptivePool2d, name: string, input: Value): string {
  const op = layer.type === "adaptiveAvgPool2d" ? "AveragePool" : "MaxPool";
  const size = toPair(layer.outputSize);
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
  graph: OnnxGraph,
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
