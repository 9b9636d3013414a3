import type { ImageHeader } from "../image/inspect-image.js";
import type { Box } from "./dataset.js";

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

/** A box of the stored pixels, as a box of the upright image: what the EXIF orientation does to it. */
export function uprightBox(box: Box, { height, width, orientation }: ImageHeader): Box {
  const stored = orientation < 5 ? { height, width } : { height: width, width: height };
  const place = (x: number, y: number): [number, number] => {
    const [right, below] = [stored.width - x, stored.height - y];
    const places: Record<number, [number, number]> = {
      2: [right, y],
      3: [right, below],
      4: [x, below],
      5: [y, x],
      6: [below, x],
      7: [below, right],
      8: [y, right],
    };
    return places[orientation] ?? [x, y];
  };
  const [x1, y1] = place(box.x, box.y);
  const [x2, y2] = place(box.x + box.width, box.y + box.height);
  return { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) };
}
