import { ImageProblem } from "./image-problem.js";
import { CUT_OFF, eachRow, type MissingPixels, type RawDecoder, type RawImage } from "./raw-image.js";

interface NetpbmHeader {
  height: number;
  width: number;
  channels: 1 | 3;
  /** Of a sample; it stands for white. */
  maximum: number;
  /** Samples are written as decimal numbers. */
  text: boolean;
  /** Where the samples begin. */
  start: number;
}

const COMMENT = 0x23; // "#"
const NEW_LINE = 0x0a;
const CHANNELS: Readonly<Record<string, 1 | 3>> = { P2: 1, P3: 3, P5: 1, P6: 3 };

/** PGM and PPM, binary or as text, of 8 or 16 bits (https://netpbm.sourceforge.net/doc/ppm.html). */
export const netpbm: RawDecoder = { readHeader, decode };

function readHeader(bytes: Uint8Array): NetpbmHeader {
  const magic = String.fromCharCode(bytes[0] ?? 0, bytes[1] ?? 0);
  const channels = CHANNELS[magic];
  if (channels === undefined) throw new ImageProblem("it is no PGM or PPM");
  const numbers = new NumberReader(bytes, 2);
  const width = numbers.next();
  const height = numbers.next();
  const maximum = numbers.next();
  if (width === undefined || height === undefined || maximum === undefined) {
    throw new ImageProblem("its header has no width, height and largest sample");
  }
  if (width < 1 || height < 1 || maximum < 1 || maximum > 65_535) {
    throw new ImageProblem(`its header says ${width} × ${height} pixels with samples up to ${maximum}`);
  }
  // One blank, then the samples.
  return { height, width, channels, maximum, text: magic < "P5", start: numbers.at + 1 };
}

async function decode(bytes: Uint8Array, missing: MissingPixels): Promise<RawImage> {
  const header = readHeader(bytes);
  const { height, width, channels, maximum, text } = header;
  const perRow = width * channels;
  const sampleBytes = maximum > 255 ? 2 : 1;
  // A number and the blank before it, except the first one's.
  const least = text ? 2 * perRow * height - 1 : sampleBytes * perRow * height;
  if (missing === "error" && bytes.length - header.start < least) throw new ImageProblem(CUT_OFF);
  const next = text ? readText(bytes, header, missing) : readBinary(bytes, header.start, sampleBytes);
  const data = new Uint8Array(perRow * height);
  await eachRow(header, (row) => {
    for (let at = row * perRow; at < (row + 1) * perRow; at += 1) {
      const sample = Math.min(next(), maximum);
      data[at] = maximum === 255 ? sample : Math.round((sample * 255) / maximum);
    }
  });
  return { data, height, width, channels };
}

function readBinary(bytes: Uint8Array, start: number, sampleBytes: number): () => number {
  let at = start;
  if (sampleBytes === 1) return () => bytes[at++] ?? 0;
  return () => 256 * (bytes[at++] ?? 0) + (bytes[at++] ?? 0);
}

function readText(bytes: Uint8Array, { start }: NetpbmHeader, missing: MissingPixels): () => number {
  const numbers = new NumberReader(bytes, start - 1);
  return () => {
    const number = numbers.next();
    if (number === undefined && missing === "error") throw new ImageProblem(CUT_OFF);
    return number ?? 0;
  };
}

/** Decimal numbers between blanks and comments. */
class NumberReader {
  readonly #bytes: Uint8Array;
  /** After the last number. */
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Undefined at the end of the file; anything that is no number is an error. */
  next(): number | undefined {
    this.#skipBlanks();
    const first = this.at;
    let number = 0;
    for (let digit = this.#digit(); digit !== undefined; digit = this.#digit()) {
      number = 10 * number + digit;
      this.at += 1;
      if (number > 2 ** 31) throw new ImageProblem("it has a number that is too large");
    }
    if (this.at > first) return number;
    if (this.at >= this.#bytes.length) return undefined;
    throw new ImageProblem("it has something else where a number should be");
  }

  #digit(): number | undefined {
    const digit = (this.#bytes[this.at] ?? 0) - 0x30;
    return digit >= 0 && digit <= 9 ? digit : undefined;
  }

  #skipBlanks(): void {
    for (; this.at < this.#bytes.length; this.at += 1) {
      const byte = this.#bytes[this.at] ?? 0;
      if (byte === COMMENT) this.#skipLine();
      else if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return;
    }
  }

  #skipLine(): void {
    const end = this.#bytes.indexOf(NEW_LINE, this.at);
    this.at = end < 0 ? this.#bytes.length : end;
  }
}
