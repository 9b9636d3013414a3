import { invalidArgument } from "../errors.js";
import type { Size } from "../image/geometry.js";
import { shown } from "../shown.js";

/** Below it the legend has no place. */
const LEAST_WIDTH = 480;

/** @param width of a sheet, in pixels @throws McLossError ERR_ARGUMENT */
export function checkWidth(width: number): void {
  if (Number.isSafeInteger(width) && width >= LEAST_WIDTH) return;
  throw invalidArgument("width", `must be an integer of at least ${LEAST_WIDTH}, got ${shown(width)}`);
}

/** The size of an image that keeps its shape and fills a box in one direction. */
export function fitInto(image: Size, box: Size): Size {
  const scale = Math.min(box.width / image.width, box.height / image.height);
  return {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  };
}
