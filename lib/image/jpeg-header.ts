import type { Size } from "./geometry.js";

export interface JpegHeader extends Size {
  /** EXIF's, 1 to 8: 1 is upright, from 5 on width and height are exchanged. */
  orientation: number;
  channels: number;
  progressive: boolean;
}

const MARKER = 0xff;
const START_OF_IMAGE = 0xd8;
const START_OF_SCAN = 0xda;
const HUFFMAN_TABLES = 0xc4;
const PROGRESSIVE = 0xc2;
const APP1 = 0xe1;
const EXIF = Uint8Array.from([0x45, 0x78, 0x69, 0x66, 0, 0]); // "Exif\0\0"
const LITTLE_ENDIAN = 0x49492a00;
const BIG_ENDIAN = 0x4d4d002a;
const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const ENTRY_BYTES = 12;

/**
 * A JPEG's size as it is stored, and its orientation; undefined for anything else, and where the header is not as
 * usual: then sharp has to read it, so that both never disagree. What is read here costs microseconds, every time a JPEG
 * is decoded; sharp takes most of a millisecond.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  if (bytes[0] !== MARKER || bytes[1] !== START_OF_IMAGE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation: number | undefined;
  let at = 2;
  while (at + 10 <= bytes.length && bytes[at] === MARKER) {
    const kind = bytes[at + 1] ?? 0;
    // One segment of data, or fill bytes before a marker.
    if (kind < 0xc0 || kind === MARKER || kind === START_OF_SCAN || isStandalone(kind)) return undefined;
    const segment = view.getUint16(at + 2);
    if (segment < 2) return undefined;
    if (isFrame(kind)) {
      const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      if (height === 0 || width === 0 || kind > PROGRESSIVE) return undefined;
      const channels = bytes[at + 9] ?? 0;
      return { height, width, orientation: orientation ?? 1, channels, progressive: kind === PROGRESSIVE };
    }
    const content = bytes.subarray(at + 4, at + 2 + segment);
    // As in Pillow and libvips the first EXIF block is the image's.
    if (kind === APP1 && isExif(content) && orientation === undefined) {
      orientation = readOrientation(content);
      if (orientation === undefined) return undefined;
    }
    at += 2 + segment;
  }
  return undefined;
}

/** Restarts, and the image's start and end, which have no length. */
function isStandalone(kind: number): boolean {
  return kind >= 0xd0 && kind <= 0xd9;
}

/** Of any coding; those that are not baseline, extended or progressive with Huffman coding are sharp's. */
function isFrame(kind: number): boolean {
  return kind >= 0xc0 && kind <= 0xcf && kind !== HUFFMAN_TABLES && kind !== 0xc8 && kind !== 0xcc;
}

function isExif(content: Uint8Array): boolean {
  return EXIF.every((byte, i) => content[i] === byte);
}

/** Of an EXIF block: a TIFF file, whose first directory may have the tag. Undefined where it is not as usual. */
function readOrientation(block: Uint8Array): number | undefined {
  const tiff = new DataView(block.buffer, block.byteOffset + EXIF.length, block.length - EXIF.length);
  if (tiff.byteLength < 10) return undefined;
  const order = tiff.getUint32(0);
  if (order !== LITTLE_ENDIAN && order !== BIG_ENDIAN) return undefined;
  const little = order === LITTLE_ENDIAN;
  const directory = tiff.getUint32(4, little);
  if (directory < 8 || directory + 2 > tiff.byteLength) return undefined;
  const count = tiff.getUint16(directory, little);
  if (directory + 2 + count * ENTRY_BYTES > tiff.byteLength) return undefined;
  let orientation: number | undefined;
  for (let entry = 0; entry < count; entry += 1) {
    const at = directory + 2 + entry * ENTRY_BYTES;
    if (tiff.getUint16(at, little) !== ORIENTATION_TAG) continue;
    const usual = tiff.getUint16(at + 2, little) === SHORT && tiff.getUint32(at + 4, little) === 1;
    if (!usual || orientation !== undefined) return undefined;
    orientation = tiff.getUint16(at + 8, little);
    if (orientation < 1 || orientation > 8) return undefined;
  }
  return orientation ?? 1;
}
