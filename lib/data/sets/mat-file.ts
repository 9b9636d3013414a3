import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { McLossError } from "../../errors.js";
import { reasonOf } from "../../system-error.js";
import { readAnnotation } from "./text-file.js";

/** A MATLAB array. Elements are in MATLAB's order: down the columns first. */
export type MatArray =
  | { type: "numbers"; dims: number[]; data: Float64Array }
  | { type: "text"; dims: number[]; text: string }
  | { type: "cells"; dims: number[]; cells: MatArray[] }
  | { type: "struct"; dims: number[]; fields: ReadonlyMap<string, MatArray[]> };

/** Of the file, and again of what is inflated from it: the largest published one inflates to 8 MB. */
const MOST_BYTES = 32 * 2 ** 20;
/** Arrays in arrays; a struct array of a data set needs 2. */
const MOST_NESTED = 16;

const HEADER_BYTES = 128;
const TAG_BYTES = 8;

/** Storage types (MAT-File Format, table 1-1): bytes per number and how it is read. */
const STORAGE: ReadonlyMap<
  number,
  { bytes: number; read: (view: DataView, at: number, little: boolean) => number }
> = new Map([
  [1, { bytes: 1, read: (view, at) => view.getInt8(at) }],
  [2, { bytes: 1, read: (view, at) => view.getUint8(at) }],
  [3, { bytes: 2, read: (view, at, little) => view.getInt16(at, little) }],
  [4, { bytes: 2, read: (view, at, little) => view.getUint16(at, little) }],
  [5, { bytes: 4, read: (view, at, little) => view.getInt32(at, little) }],
  [6, { bytes: 4, read: (view, at, little) => view.getUint32(at, little) }],
  [7, { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  [9, { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) }],
  [12, { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) }],
  [13, { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) }],
]);

const UINT16 = 4;
const MATRIX = 14;
const COMPRESSED = 15;
const UTF8 = 16;
const UTF16 = 17;

/** Array classes (table 1-3). */
const CELL = 1;
const STRUCT = 2;
const CHAR = 4;
const NUMBERS = { first: 6, last: 15 };
const UNSUPPORTED = new Map([
  [3, "an object"],
  [5, "a sparse array"],
  [16, "a function handle"],
  [17, "an object"],
]);

const COMPLEX = 0x0800;

/**
 * The variables of a MATLAB file of level 5 (versions 5 to 7), compressed or not.
 * @throws McLossError ERR_DATASET naming the file: of another version, damaged, or with arrays that are not numbers,
 *   text, cells or structs
 */
export async function readMatFile(path: string): Promise<Map<string, MatArray>> {
  const bytes = await readAnnotation(path, MOST_BYTES);
  try {
    return await parse(bytes);
  } catch (cause) {
    throw new McLossError("ERR_DATASET", `cannot read the MATLAB file ${path}: ${reasonOf(cause)}`, {
      path,
      cause,
    });
  }
}

async function parse(file: Buffer): Promise<Map<string, MatArray>> {
  const little = checkHeader(file);
  const variables = new Map<string, MatArray>();
  const elements = new Elements(file.subarray(HEADER_BYTES), little);
  let inflated = 0;
  while (!elements.done) {
    const element = elements.next();
    if (element.type === COMPRESSED) {
      const content = await unpack(elements.bytes(element), MOST_BYTES - inflated);
      inflated += content.length;
      addVariable(variables, new Elements(content, little));
    } else addVariable(variables, elements, element);
  }
  return variables;
}

function checkHeader(bytes: Buffer): boolean {
  const start = bytes.toString("latin1", 0, 10);
  if (start === "MATLAB 7.3" || start.startsWith("\x89HDF")) {
    throw new Error("it has MATLAB's version 7.3 (HDF5): save it in MATLAB with save(…, '-v7')");
  }
  if (bytes.length < HEADER_BYTES)
    throw new Error(`it is cut short: it has ${bytes.length} bytes; copy it again`);
  const order = bytes.toString("latin1", 126, 128);
  if (order !== "IM" && order !== "MI") throw new Error("it is not a MATLAB file of version 5 to 7");
  const little = order === "IM";
  const version = little ? bytes.readUInt16LE(124) : bytes.readUInt16BE(124);
  if (version === 0x0100) return little;
  throw new Error(`it has the version ${version >> 8}: save it in MATLAB with save(…, '-v7')`);
}

async function unpack(data: Buffer, most: number): Promise<Buffer> {
  try {
    return await promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate)(data, {
      maxOutputLength: Math.max(most, 1),
    });
  } catch (cause) {
    const tooLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw new Error(tooLarge ? `it inflates to more than ${MOST_BYTES} bytes` : DAMAGED, { cause });
  }
}

const DAMAGED = "it is damaged: copy it again";

/** Where the data of an element lies. */
interface Element {
  type: number;
  start: number;
  length: number;
}

/** The data elements that follow one another in some bytes. Nothing is read beyond them. */
class Elements {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #end: number;
  #at: number;

  constructor(
    buffer: Buffer,
    little: boolean,
    start = 0,
    end = buffer.length,
    view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length),
  ) {
    this.#buffer = buffer;
    this.#view = view;
    this.#little = little;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** An upper bound of how many elements can follow: each has a tag. */
  get most(): number {
    return Math.floor((this.#end - this.#at) / TAG_BYTES);
  }

  next(): Element {
    this.#check(this.#at + TAG_BYTES);
    const tag = this.#view.getUint32(this.#at, this.#little);
    const smallLength = tag >>> 16;
    if (smallLength > 4) throw new Error(DAMAGED);
    const small = smallLength > 0;
    const type = tag & 0xffff;
    const length = small ? smallLength : this.#view.getUint32(this.#at + 4, this.#little);
    const start = this.#at + (small ? 4 : TAG_BYTES);
    this.#check(start + length);
    const whole = type === COMPRESSED ? length : Math.ceil(length / TAG_BYTES) * TAG_BYTES;
    this.#at = small ? this.#at + TAG_BYTES : start + whole;
    return { type, start, length };
  }

  /** The elements in an element. */
  within({ start, length }: Element): Elements {
    return new Elements(this.#buffer, this.#little, start, start + length, this.#view);
  }

  bytes({ start, length }: Element): Buffer {
    return this.#buffer.subarray(start, start + length);
  }

  numbers({ type, start, length } = this.next()): Float64Array {
    const storage = STORAGE.get(type);
    if (!storage || length % storage.bytes !== 0) throw new Error(DAMAGED);
    const numbers = new Float64Array(length / storage.bytes);
    for (let i = 0; i < numbers.length; i += 1) {
      numbers[i] = storage.read(this.#view, start + i * storage.bytes, this.#little);
    }
    return numbers;
  }

  #check(end: number): void {
    if (end <= this.#end) return;
    throw new Error(`it is cut short: ${end - this.#end} bytes are missing; copy it again`);
  }
}

function addVariable(variables: Map<string, MatArray>, elements: Elements, element = elements.next()): void {
  const { name, array } = readArray(elements, element, 0);
  variables.set(name, array);
}

function readArray(around: Elements, element: Element, depth: number): { name: string; array: MatArray } {
  if (element.type !== MATRIX) throw new Error(DAMAGED);
  if (depth > MOST_NESTED) throw new Error(`it nests arrays more than ${MOST_NESTED} deep`);
  if (element.length === 0)
    return { name: "", array: { type: "numbers", dims: [0, 0], data: new Float64Array() } };
  const elements = around.within(element);
  const [flags = 0] = elements.numbers();
  const kind = flags & 0xff;
  const dims = [...elements.numbers()];
  const name = elements.bytes(elements.next()).toString("latin1");
  const unsupported = flags & COMPLEX ? "complex" : UNSUPPORTED.get(kind);
  if (unsupported) throw new Error(`its ${name || "array"} is ${unsupported}, which is not supported`);
  return { name, array: readContent(elements, { kind, dims, size: countElements(dims), depth }) };
}

interface Shape {
  kind: number;
  dims: number[];
  size: number;
  depth: number;
}

function readContent(elements: Elements, { kind, dims, size, depth }: Shape): MatArray {
  if (kind === CELL) return { type: "cells", dims, cells: readArrays(elements, size, depth) };
  if (kind === STRUCT) return { type: "struct", dims, fields: readFields(elements, size, depth) };
  if (kind === CHAR) return { type: "text", dims, text: readCharacters(elements) };
  if (kind < NUMBERS.first || kind > NUMBERS.last) throw new Error(DAMAGED);
  const data = elements.numbers();
  if (data.length !== size) throw new Error(DAMAGED);
  return { type: "numbers", dims, data };
}

function readArrays(elements: Elements, count: number, depth: number): MatArray[] {
  if (count > elements.most) throw new Error(DAMAGED);
  return Array.from({ length: count }, () => readArray(elements, elements.next(), depth + 1).array);
}

/** The file has one struct after another; here each field has its values in all of them. */
function readFields(elements: Elements, size: number, depth: number): Map<string, MatArray[]> {
  const [width = 0] = elements.numbers();
  const text = elements.bytes(elements.next()).toString("latin1");
  if (width < 1 || text.length % width !== 0) throw new Error(DAMAGED);
  const names = Array.from({ length: text.length / width }, (_, i) =>
    text.slice(i * width, (i + 1) * width).replace(/\0.*$/s, ""),
  );
  const values = readArrays(elements, size * names.length, depth);
  const columns = names.map((): MatArray[] => []);
  values.forEach((value, i) => columns[i % names.length]?.push(value));
  return new Map(names.map((name, i) => [name, columns[i] ?? []]));
}

function readCharacters(elements: Elements): string {
  const element = elements.next();
  if (element.type === UTF8) return elements.bytes(element).toString("utf8");
  const type = element.type === UTF16 ? UINT16 : element.type;
  let text = "";
  for (const code of elements.numbers({ ...element, type })) text += String.fromCharCode(code);
  return text;
}

function countElements(dims: readonly number[]): number {
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (dims.length < 2 || dims.some((dim) => dim < 0) || !Number.isSafeInteger(size)) throw new Error(DAMAGED);
  return size;
}
