import type { Size } from "./geometry.js";

export interface JpegHeader extends Size {
  /** EXIF's, 1 to 8: 1 is upright, from 5 on width and height are exchanged. */
  orientation: number;
}

const MARKER = 0xff;
const START_OF_IMAGE = 0xd8;
const APP1 = 0xe1;
const EXIF = Uint8Array.from([0x45, 0x78, 0x69, 0x66, 0, 0]); // "Exif\0\0"
const LITTLE_ENDIAN = 0x4949;
const ORIENTATION_TAG = 0x0112;
const ENTRY_BYTES = 12;

/**
 * A JPEG's size as it is stored, and its orientation; undefined for anything else, and where the header is not as
 * usual. What is read here costs microseconds, every time a JPEG is decoded; sharp takes most of a millisecond.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes[0] !== MARKER || bytes[1] !== START_OF_IMAGE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation = 1;
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === MARKER) {
    const kind = bytes[at + 1] ?? 0;
    const segment = view.getUint16(at + 2);
    if (isFrame(kind)) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), orientation };
    if (kind === APP1) orientation = readOrientation(bytes.subarray(at + 4, at + 2 + segment)) ?? orientation;
    // The length counts itself, and never goes back.
    at += 2 + Math.max(2, segment);
  }
  return undefined;
}

/** Baseline, extended or progressive, with Huffman coding. */
function isFrame(kind: number): boolean {
  return kind >= 0xc0 && kind <= 0xc2;
}

/** Of an EXIF block: a TIFF file, whose first directory has the tag. */
function readOrientation(block: Uint8Array): number | undefined {
  if (!EXIF.every((byte, i) => block[i] === byte) || block.length < EXIF.length + 8) return undefined;
  const tiff = new DataView(block.buffer, block.byteOffset + EXIF.length, block.length - EXIF.length);
  const little = tiff.getUint16(0) === LITTLE_ENDIAN;
  const directory = tiff.getUint32(4, little);
  if (directory + 2 > tiff.byteLength) return undefined;
  const count = tiff.getUint16(directory, little);
  for (let entry = 0; entry < count; entry += 1) {
    const at = directory + 2 + entry * ENTRY_BYTES;
    if (at + ENTRY_BYTES > tiff.byteLength) return undefined;
    if (tiff.getUint16(at, little) !== ORIENTATION_TAG) continue;
    const value = tiff.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}
