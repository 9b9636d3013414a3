import { z } from "zod";
import { McLossError } from "../../errors.js";
import { count, index } from "../../schema.js";

/** Without the batch: [C, H, W] or [C]. [] is not known, and so are sizes that are NaN. */
export type Shape = readonly number[];

/** Height and width; one number means both. */
export type Size = number | readonly [height: number, width: number];

/** {@link Size} of at least 1. */
export const size = z.union(
  [count, z.tuple([count, count]).readonly()],
  "must be a positive integer, or [height, width]",
);

/** {@link Size} of at least 0. */
export const padding = z.union(
  [index, z.tuple([index, index]).readonly()],
  "must be a non-negative integer, or [height, width]",
);

/** A size as [height, width]. */
export function toPair(size: Size): readonly [number, number] {
  return typeof size === "number" ? [size, size] : size;
}

/** Whether two shapes may be the same; what is not known may be anything. */
export function compatible(a: Shape, b: Shape): boolean {
  if (a.length === 0 || b.length === 0) return true;
  return a.length === b.length && a.every((size, axis) => !differs(size, b[axis] ?? 0));
}

/** Whether two sizes are known and not the same. */
export function differs(a: number, b: number): boolean {
  return a < b || a > b;
}

/** An image's shape. @throws McLossError ERR_SHAPE that names the layer, for anything else */
export function image(layer: string, shape: Shape, channels?: number): [number, number, number] {
  if (shape.length === 0) return [channels ?? NaN, NaN, NaN];
  const [c, h, w] = shape;
  if (shape.length === 3 && c !== undefined && h !== undefined && w !== undefined) {
    if (!differs(c, channels ?? c)) return [channels ?? c, h, w];
  }
  throw shapeError(
    layer,
    channels === undefined ? "needs an image" : `needs an image of ${channels} channels`,
    shape,
  );
}

/** A vector's shape. @throws McLossError ERR_SHAPE that names the layer, for anything else */
export function vector(layer: string, shape: Shape, features: number): [number] {
  if (compatible(shape, [features])) return [features];
  throw shapeError(layer, `needs ${features} features`, shape);
}

/** The output's height and width under a sliding window. */
export function slide(
  window: { kernelSize: Size; stride: Size; padding: Size; dilation?: Size; ceilMode?: boolean },
  height: number,
  width: number,
): [number, number] {
  const along = (axis: 0 | 1, extent: number) => {
    const [kernel, stride, padding, dilation] = [
      toPair(window.kernelSize)[axis],
      toPair(window.stride)[axis],
      toPair(window.padding)[axis],
      toPair(window.dilation ?? 1)[axis],
    ];
    const steps = (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride;
    if (!window.ceilMode) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    // A window that would start in the padding after the image is left out.
    return (count - 1) * stride >= extent + padding ? count - 1 : count;
  };
  return [along(0, height), along(1, width)];
}

export function product(values: readonly number[]): number {
  return values.reduce((result, value) => result * value, 1);
}

export function shapeError(argument: string, problem: string, shape: Shape): McLossError {
  return new McLossError("ERR_SHAPE", `${argument} ${problem}, got ${formatShape(shape)}`, { argument });
}

/** "[3, 448, 448]"; what is not known is a question mark. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? "?" : `[${shape.map((size) => (Number.isNaN(size) ? "?" : size)).join(", ")}]`;
}
