import type { Size } from "./geometry.js";

/** Decoded pixels of 8 bits, row by row. */
export interface RawImage extends Size {
  data: Uint8Array;
  /** Grey, RGB or RGB and opacity. */
  channels: 1 | 3 | 4;
}

/** How a file that has fewer bytes than it says is read: "error", or with zeros in place of the missing pixels. */
export type MissingPixels = "error" | "zeros";

/** A format that is decoded here rather than by libvips. */
export interface RawDecoder {
  /** Throws an Error for a file that it does not read. */
  readHeader(bytes: Uint8Array): Size & { channels: 1 | 3 | 4 };
  decode(bytes: Uint8Array, missing: MissingPixels): Promise<RawImage>;
}

export const CUT_OFF = "the file ends before the image does";

const PIXELS_AT_ONCE = 2 ** 18;

/** Calls `work` for each row, and lets other things happen between the rows of a large image. */
export async function eachRow({ height, width }: Size, work: (row: number) => void): Promise<void> {
  const rows = Math.max(1, Math.floor(PIXELS_AT_ONCE / width));
  for (let row = 0; row < height; row += 1) {
    if (row > 0 && row % rows === 0) await new Promise((resolve) => setImmediate(resolve));
    work(row);
  }
}
