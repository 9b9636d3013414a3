import type { Box } from "./dataset.js";
import type { ImageHeader } from "../image/inspect-image.js";

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
