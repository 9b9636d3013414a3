import { attend } from "./attention.js";
import type { OnnxPlace } from "./definition.js";
import type { OnnxNodes } from "./onnx.js";

type Pair = readonly [number, number];

/** How the windows lie on an image. */
interface Windows {
  /** Side of each. */
  side: number;
  /** Of the padded image. */
  extents: Pair;
  /** Windows down and across. */
  counts: Pair;
  /** How far the image is moved up and to the left below them. */
  shifts: Pair;
}

/** Below which a place of another part of the image is not attended to, as in torchvision. */
const APART = -100;

/** `extent`, or the next multiple of the window's side. */
export function paddedTo(extent: number, side: number): number {
  return Math.ceil(extent / side) * side;
}

export function windowAttentionToOnnx(
  {
    features,
    heads,
    windowSize: side,
    shifted,
  }: { features: number; heads: number; windowSize: number; shifted: boolean },
  { graph, name, input }: OnnxPlace,
): string {
  const [, height = 1, width = 1] = input.shape;
  const part = (label: string) => `${name}.${label}`;
  const reshape = (label: string, value: string, shape: readonly number[]) =>
    graph.node("Reshape", part(label), [value, graph.integers(part(`${label}_shape`), shape)]);
  const windows = layWindows([height, width], side, shifted);
  const { extents, counts, shifts } = windows;
  const places = side ** 2;

  const pixels = graph.node("Transpose", part("pixels"), [input.name], { perm: [0, 2, 3, 1] });
  const sides = [0, 0, 0, 0, 0, extents[0] - height, extents[1] - width, 0];
  const padded = graph.node("Pad", part("padded"), [pixels, graph.integers(part("padding"), sides)]);
  const moved = roll(graph, part("moved"), padded, shifts);
  const rows = reshape("rows", moved, [0, counts[0], side, counts[1], side, features]);
  const cut = graph.node("Transpose", part("cut"), [rows], { perm: [0, 1, 3, 2, 4, 5] });
  const tokens = reshape("tokens", cut, [-1, places, features]);

  const biased = (products: string): string => {
    const sum = graph.node("Add", part("biased"), [products, distanceBias(graph, name, side)]);
    if (shifts[0] + shifts[1] === 0) return sum;
    const count = counts[0] * counts[1];
    const mask = graph.constant(part("mask"), maskOf(windows), [1, count, 1, places, places]);
    const byWindow = reshape("by_window", sum, [-1, count, heads, places, places]);
    return reshape("masked", graph.node("Add", part("kept"), [byWindow, mask]), [-1, heads, places, places]);
  };
  const attended = attend(graph, name, tokens, { features, heads, qkv: "qkv.", out: "proj.", biased });

  const apart = reshape("apart", attended, [-1, ...counts, side, side, features]);
  const joined = graph.node("Transpose", part("joined_rows"), [apart], { perm: [0, 1, 3, 2, 4, 5] });
  const whole = reshape("whole", joined, [0, ...extents, features]);
  const back = roll(graph, part("back"), whole, [extents[0] - shifts[0], extents[1] - shifts[1]]);
  const unpadded = graph.node("Slice", part("unpadded"), [
    back,
    graph.integers(part("starts"), [0, 0]),
    graph.integers(part("ends"), [height, width]),
    graph.integers(part("axes"), [1, 2]),
  ]);
  return graph.node("Transpose", name, [unpadded], { perm: [0, 3, 1, 2] });
}

function layWindows([height, width]: Pair, side: number, shifted: boolean): Windows {
  const extents = [paddedTo(height, side), paddedTo(width, side)] as const;
  // One window has the whole of that side already.
  const shift = (extent: number) => (shifted && extent > side ? Math.floor(side / 2) : 0);
  const counts = [extents[0] / side, extents[1] / side] as const;
  return { side, extents, counts, shifts: [shift(extents[0]), shift(extents[1])] };
}

/** [N, H, W, C] with so many rows and columns taken from the front to the end. */
function roll(graph: OnnxNodes, name: string, value: string, [down, across]: Pair): string {
  const along = (label: string, from: string, axis: number, shift: number) => {
    const axes = graph.integers(`${label}.axis`, [axis]);
    const slice = (end: string, start: number, stop: number) => {
      const bounds = [
        graph.integers(`${label}.${end}_start`, [start]),
        graph.integers(`${label}.${end}_end`, [stop]),
      ];
      return graph.node("Slice", `${label}.${end}`, [from, ...bounds, axes]);
    };
    const parts = [slice("last", shift, Number.MAX_SAFE_INTEGER), slice("first", 0, shift)];
    return graph.node("Concat", label, parts, { axis });
  };
  return along(`${name}_columns`, along(`${name}_rows`, value, 1, down), 2, across);
}

/** [1, heads, places, places], from the learned table. */
function distanceBias(graph: OnnxNodes, name: string, side: number): string {
  const places = side ** 2;
  const row = (place: number) => Math.floor(place / side);
  const index = Array.from({ length: places ** 2 }, (_, pair) => {
    const [from, to] = [Math.floor(pair / places), pair % places];
    const [down, across] = [row(from) - row(to), (from % side) - (to % side)];
    return (down + side - 1) * (2 * side - 1) + across + side - 1;
  });
  const table = graph.weight(`${name}.relative_position_bias_table`);
  const indices = graph.integers(`${name}.distances`, index);
  const chosen = graph.node("Gather", `${name}.distance_bias`, [table, indices], { axis: 0 });
  const shape = graph.integers(`${name}.bias_shape`, [1, places, places, -1]);
  const square = graph.node("Reshape", `${name}.bias_square`, [chosen, shape]);
  return graph.node("Transpose", `${name}.bias_heads`, [square], { perm: [0, 3, 1, 2] });
}

/** For each window and each two of its places: 0 where both are of one part of the image, before it was moved. */
function maskOf({ side, extents, counts, shifts }: Windows): number[] {
  const region = (axis: 0 | 1, position: number) => {
    if (shifts[axis] === 0 || position < extents[axis] - side) return 0;
    return position < extents[axis] - shifts[axis] ? 1 : 2;
  };
  const offsets = Array.from(
    { length: side ** 2 },
    (_, place) => [Math.floor(place / side), place % side] as const,
  );
  return Array.from({ length: counts[0] * counts[1] }, (_, window) => {
    const [top, left] = [Math.floor(window / counts[1]) * side, (window % counts[1]) * side];
    const regions = offsets.map(([y, x]) => 3 * region(0, top + y) + region(1, left + x));
    return regions.flatMap((from) => regions.map((to) => (from === to ? 0 : APART)));
  }).flat();
}
