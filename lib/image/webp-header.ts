import type { Size } from "./geometry.js";

export interface WebpHeader extends Size {
  alpha: boolean;
}

const HEADER_BYTES = 30;
/** Flags of the extended format. */
const ANIMATION = 0x02;
const EXIF = 0x08;
const ALPHA = 0x10;
const COLOR_PROFILE = 0x20;

/**
 * The size of a WebP image of one frame without EXIF or a colour profile; undefined for anything else: then sharp has to
 * read it, and to decode it. What is read here costs microseconds.
 */
export function readWebpHeader(bytes: Uint8Array): WebpHeader | undefined {
  if (bytes.length < HEADER_BYTES || latin1(bytes, 0) !== "RIFF" || latin1(bytes, 8) !== "WEBP") {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (latin1(bytes, 12)) {
    case "VP8 ":
      return readLossy(view);
    case "VP8L":
      return readLossless(view);
    case "VP8X":
      return readExtended(view);
    default:
      return undefined;
  }
}

function readLossy(view: DataView): WebpHeader | undefined {
  const isKeyFrame = (view.getUint8(20) & 1) === 0;
  if (!isKeyFrame || view.getUint8(23) !== 0x9d || view.getUint16(24) !== 0x012a) return undefined;
  // The two bits above are for scaling, which decoders leave out.
  return sized(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff, false);
}

function readLossless(view: DataView): WebpHeader | undefined {
  if (view.getUint8(20) !== 0x2f) return undefined;
  const bits = view.getUint32(21, true);
  return sized((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1, ((bits >>> 28) & 1) === 1);
}

function readExtended(view: DataView): WebpHeader | undefined {
  const flags = view.getUint8(20);
  if ((flags & (ANIMATION | EXIF | COLOR_PROFILE)) !== 0) return undefined;
  const side = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 2 ** 16 + 1;
  return sized(side(24), side(27), (flags & ALPHA) !== 0);
}

function sized(width: number, height: number, alpha: boolean): WebpHeader | undefined {
  return width > 0 && height > 0 ? { width, height, alpha } : undefined;
}

function latin1(bytes: Uint8Array, start: number): string {
  return Buffer.from(bytes.subarray(start, start + 4)).toString("latin1");
}
