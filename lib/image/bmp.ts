import { ImageProblem } from "./image-problem.js";
import { CUT_OFF, eachRow, type MissingPixels, type RawDecoder, type RawImage } from "./raw-image.js";

interface BmpHeader {
  height: number;
  width: number;
  channels: 3 | 4;
  /** The first row is the image's lowest. */
  bottomUp: boolean;
  bits: number;
  compression: number;
  /** Of 16 and 32 bits: which of them are red, green, blue and opacity. */
  masks: readonly [number, number, number, number];
  /** Of up to 8 bits. */
  palette: Palette;
  /** Where the pixels begin. */
  start: number;
}

interface Palette {
  start: number;
  colors: number;
  entryBytes: number;
}

const FILE_HEADER_BYTES = 14;
// OS/2's, and the others by their length.
const CORE = 12;
const HEADERS = [40, 52, 56, 64, 108, 124];
const [PLAIN, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS] = [0, 1, 2, 3, 6];

/** Windows' and OS/2's bitmaps, of any depth, plain or with run lengths; as Pillow reads them. */
export const bmp: RawDecoder = { readHeader, decode };

function readHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < FILE_HEADER_BYTES + CORE) throw new ImageProblem(CUT_OFF);
  const length = view.getUint32(FILE_HEADER_BYTES, true);
  if (length !== CORE && !HEADERS.includes(length)) throw new ImageProblem(`its header has ${length} bytes`);
  if (view.byteLength < FILE_HEADER_BYTES + length) throw new ImageProblem(CUT_OFF);
  const header = length === CORE ? readCore(view) : readInfo(view, length);
  const { width, height, bits, compression } = header;
  if (width < 1 || height < 1) throw new ImageProblem(`its header says ${width} × ${height} pixels`);
  if (!isKnown(bits, compression)) {
    throw new ImageProblem(
      `its pixels of ${bits} bits with the compression ${compression} are not read here`,
    );
  }
  return header;
}

function isKnown(bits: number, compression: number): boolean {
  if (compression === PLAIN) return [1, 4, 8, 16, 24, 32].includes(bits);
  if (compression === RLE8) return bits === 8;
  if (compression === RLE4) return bits === 4;
  return (compression === BITFIELDS || compression === ALPHA_BITFIELDS) && (bits === 16 || bits === 32);
}

function readCore(view: DataView): BmpHeader {
  const bits = view.getUint16(24, true);
  return {
    width: view.getUint16(18, true),
    height: view.getUint16(20, true),
    channels: 3,
    bottomUp: true,
    bits,
    compression: PLAIN,
    masks: usualMasks(bits),
    palette: { start: FILE_HEADER_BYTES + CORE, colors: bits <= 8 ? 2 ** bits : 0, entryBytes: 3 },
    start: view.getUint32(10, true),
  };
}

function readInfo(view: DataView, length: number): BmpHeader {
  const height = view.getInt32(22, true);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  const masks = readMasks(view, { length, bits, compression });
  const beside = length === 40 && compression === BITFIELDS ? 12 : 0;
  const most = bits <= 8 ? 2 ** bits : 0;
  return {
    width: view.getInt32(18, true),
    height: Math.abs(height),
    channels: masks[3] === 0 ? 3 : 4,
    bottomUp: height > 0,
    bits,
    compression,
    masks,
    palette: {
      start: FILE_HEADER_BYTES + length + beside,
      colors: Math.min(most, view.getUint32(46, true) || most),
      entryBytes: 4,
    },
    start: view.getUint32(10, true),
  };
}

function readMasks(
  view: DataView,
  { length, bits, compression }: { length: number; bits: number; compression: number },
): BmpHeader["masks"] {
  if (compression !== BITFIELDS && compression !== ALPHA_BITFIELDS) return usualMasks(bits);
  const hasAlpha = (length >= 56 && length !== 64) || compression === ALPHA_BITFIELDS;
  const at = FILE_HEADER_BYTES + 40;
  if (view.byteLength < at + (hasAlpha ? 16 : 12)) throw new ImageProblem(CUT_OFF);
  const mask = (index: number) => view.getUint32(at + 4 * index, true);
  return [mask(0), mask(1), mask(2), hasAlpha ? mask(3) : 0];
}

function usualMasks(bits: number): BmpHeader["masks"] {
  return bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
}

async function decode(bytes: Uint8Array, missing: MissingPixels): Promise<RawImage> {
  const header = readHeader(bytes);
  const { height, width, channels, bits, compression } = header;
  const packed = compression === RLE4 || compression === RLE8;
  const stride = packed ? width : 4 * Math.ceil((width * bits) / 32);
  if (
    missing === "error" &&
    !packed &&
    bytes.length - header.start < (height - 1) * stride + rowBytes(header)
  ) {
    throw new ImageProblem(CUT_OFF);
  }
  const source = packed ? unpackRuns(bytes, header, missing) : bytes.subarray(header.start);
  const data = new Uint8Array(height * width * channels);
  const readRow = rowReader(packed ? { ...header, bits: 8 } : header, source, readPalette(bytes, header));
  await eachRow(header, (row) => {
    const place = header.bottomUp ? height - 1 - row : row;
    readRow(row * stride, data.subarray(place * width * channels, (place + 1) * width * channels));
  });
  if (channels === 4) showUnlessAllIsHidden(data);
  return { data, height, width, channels };
}

function rowBytes({ width, bits }: BmpHeader): number {
  return Math.ceil((width * bits) / 8);
}

type RowReader = (at: number, target: Uint8Array) => void;

/** Reads the row that begins at a place of `source`; what is not there is zero. */
function rowReader(header: BmpHeader, source: Uint8Array, palette: Uint8Array): RowReader {
  if (header.bits <= 8) return indexedRow(header, source, palette);
  return header.bits === 24 ? rgbRow(source) : maskedRow(header, source);
}

function indexedRow({ bits, width }: BmpHeader, source: Uint8Array, palette: Uint8Array): RowReader {
  const perByte = 8 / bits;
  return (at, target) => {
    for (let x = 0; x < width; x += 1) {
      const byte = source[at + Math.floor(x / perByte)] ?? 0;
      const index = (byte >> (8 - bits * (1 + (x % perByte)))) & (2 ** bits - 1);
      target[3 * x] = palette[3 * index] ?? 0;
      target[3 * x + 1] = palette[3 * index + 1] ?? 0;
      target[3 * x + 2] = palette[3 * index + 2] ?? 0;
    }
  };
}

function rgbRow(source: Uint8Array): RowReader {
  return (at, target) => {
    for (let x = 0; x < target.length; x += 3) {
      target[x] = source[at + x + 2] ?? 0;
      target[x + 1] = source[at + x + 1] ?? 0;
      target[x + 2] = source[at + x] ?? 0;
    }
  };
}

function maskedRow({ bits, width, channels, masks }: BmpHeader, source: Uint8Array): RowReader {
  const fields = masks.slice(0, channels).map(toField);
  const bytes = bits / 8;
  return (at, target) => {
    for (let x = 0; x < width; x += 1) {
      let value = 0;
      for (let byte = bytes - 1; byte >= 0; byte -= 1)
        value = 256 * value + (source[at + bytes * x + byte] ?? 0);
      fields.forEach(({ divisor, most }, channel) => {
        target[channels * x + channel] = Math.floor(
          ((Math.floor(value / divisor) % (most + 1)) * 255) / most,
        );
      });
    }
  };
}

/** A mask's lowest bit, and the largest value of its bits. An empty mask's value is always 0. */
function toField(mask: number): { divisor: number; most: number } {
  if (mask === 0) return { divisor: 2 ** 32, most: 1 };
  const divisor = 2 ** (31 - Math.clz32(mask & -mask));
  return { divisor, most: 2 ** Math.floor(Math.log2(mask / divisor) + 1) - 1 };
}

/** RGB of every index; what the file does not have is black. */
function readPalette(bytes: Uint8Array, { palette }: BmpHeader): Uint8Array {
  const { start, colors, entryBytes } = palette;
  const colorsOf = new Uint8Array(3 * 256);
  for (let index = 0; index < colors; index += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      colorsOf[3 * index + channel] = bytes[start + entryBytes * index + 2 - channel] ?? 0;
    }
  }
  return colorsOf;
}

/** Some programs leave the opacity empty. */
function showUnlessAllIsHidden(data: Uint8Array): void {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 0) return;
  for (let at = 3; at < data.length; at += 4) data[at] = 255;
}

/** A byte for each pixel of runs of pixels, in the file's order of rows. What runs leave out is 0. */
function unpackRuns(bytes: Uint8Array, header: BmpHeader, missing: MissingPixels): Uint8Array {
  const { height, width, bits, start } = header;
  const pixels = new Uint8Array(height * width);
  let at = start;
  let [x, y] = [0, 0];
  const put = (index: number): void => {
    if (x < width) pixels[y * width + x] = index;
    x += 1;
  };
  const nibble = (byte: number, i: number) => (i % 2 === 0 ? byte >> 4 : byte & 15);
  while (y < height) {
    const count = bytes[at];
    const value = bytes[at + 1];
    if (count === undefined || value === undefined) {
      if (missing === "error") throw new ImageProblem(CUT_OFF);
      return pixels;
    }
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i += 1) put(bits === 4 ? nibble(value, i) : value);
    } else if (value === 0) {
      [x, y] = [0, y + 1];
    } else if (value === 1) {
      return pixels;
    } else if (value === 2) {
      x += bytes[at] ?? 0;
      y += bytes[at + 1] ?? 0;
      at += 2;
    } else {
      for (let i = 0; i < value; i += 1) {
        put(bits === 4 ? nibble(bytes[at + (i >> 1)] ?? 0, i) : (bytes[at + i] ?? 0));
      }
      const length = bits === 4 ? Math.ceil(value / 2) : value;
      at += length + (length % 2);
    }
  }
  return pixels;
}
