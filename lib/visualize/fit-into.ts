import type { Size } from "../image/geometry.js";

/** The size of an image that keeps its shape and fills a box in one direction. */
export function fitInto(image: Size, box: Size): Size {
  const scale = Math.min(box.width / image.width, box.height / image.height);
  return {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  };
}
