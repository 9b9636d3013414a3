import type { Size } from "./geometry.js";

export interface PngHeader extends Size {
  channels: number;
  interlaced: boolean;
}

const SIGNATURE = "\x89PNG\r\n\x1a\n";
const HEADER_BYTES = 33;
/** By colour type: grey, RGB, palette, grey with alpha, RGBA. */
const CHANNELS: readonly (number | undefined)[] = [1, undefined, 3, 3, 2, undefined, 4];
/** What may turn the image, or give it colours of another kind. */
const UNUSUAL = new Set(["eXIf", "cICP"]);
const TEXTS = new Set(["tEXt", "zTXt", "iTXt"]);

/**
 * A PNG's size, where it has up to 8 bits and nothing that turns it; undefined for anything else: then sharp has to read
 * it, and to decode it. What is read here costs microseconds.
 */
export function readPngHeader(bytes: Uint8Array): PngHeader | undefined {
  if (bytes.length < HEADER_BYTES || latin1(bytes, 0, 8) !== SIGNATURE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(8) !== 13 || latin1(bytes, 12, 16) !== "IHDR") return undefined;
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth = 0, type = 0, compression, filter, interlace = 0] = bytes.subarray(24, 29);
  const channels = CHANNELS[type];
  if (width === 0 || height === 0 || depth > 8 || channels === undefined) return undefined;
  if (compression !== 0 || filter !== 0 || interlace > 1) return undefined;
  let transparent = 0;
  for (let at = HEADER_BYTES; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const kind = latin1(bytes, at + 4, at + 8);
    if (kind === "IDAT")
      return { width, height, channels: channels + transparent, interlaced: interlace === 1 };
    if (UNUSUAL.has(kind)) return undefined;
    // Where older programs keep EXIF.
    if (TEXTS.has(kind) && latin1(bytes, at + 8, at + 19) === "Raw profile") return undefined;
    if (kind === "tRNS") transparent = 1;
    at += 12 + length;
  }
  return undefined;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}
