import type { Box } from "../dataset.js";

/** `box`, if it is one: of finite numbers and a positive area. */
export function checkBox(box: Record<keyof Box, number | undefined>): Box | undefined {
  const { x = NaN, y = NaN, width = NaN, height = NaN } = box;
  const finite = [x, y, width, height].every(Number.isFinite);
  return finite && width > 0 && height > 0 ? { x, y, width, height } : undefined;
}

/** A box from its corner pixels, which MATLAB counts from 1 and which belong to it. */
export function boxOfCorners(corners: readonly (number | undefined)[]): Box | undefined {
  const [left = NaN, top = NaN, right = NaN, bottom = NaN] = corners;
  return checkBox({ x: left - 1, y: top - 1, width: right - left + 1, height: bottom - top + 1 });
}
