import { McLossError } from "../errors.js";
import { native } from "../native/binding.js";
import { bytesOf, type Dtype } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import { CheckpointFile, unreadable } from "./checkpoint-file.js";

/** One tensor of a safetensors file; `offset` counts bytes from the start of the file. */
export interface SafetensorsEntry {
  shape: number[];
  dtype: Dtype;
  offset: number;
}

export interface SafetensorsHeader {
  tensors: Map<string, SafetensorsEntry>;
  metadata: Record<string, string>;
}

const DTYPES: Readonly<Record<string, Dtype>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
};

/** The name that is no tensor's: its entry holds the metadata. */
export const METADATA = "__metadata__";

const LENGTH_BYTES = 8;
// The format's own limit; a foreign file's first bytes would mostly ask for far more.
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads and checks the header of a safetensors file: every tensor lies in the file, and they follow one another
 * without overlaps and holes, as the format asks.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated or not safetensors
 */
export function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return CheckpointFile.use(path, readHeader);
}

/** The same of a file that is open. */
export async function readHeader(file: CheckpointFile): Promise<SafetensorsHeader> {
  const { path } = file;
  const length = Number((await file.read(0, LENGTH_BYTES)).readBigUInt64LE());
  if (length > MAX_HEADER_BYTES) throw foreign(path, "its header is too long");
  const header = parseObject(path, decode(path, await file.read(LENGTH_BYTES, length)));
  const { [METADATA]: metadata = {}, ...entries } = header;
  if (!isStringRecord(metadata)) throw foreign(path, `its ${METADATA} is not a map of strings`);
  const start = LENGTH_BYTES + length;
  const tensors = new Map(
    Object.entries(entries).map(([name, value]) => [name, parseEntry(path, name, value, start)]),
  );
  checkLayout(file, tensors, start);
  return { tensors, metadata };
}

/**
 * Writes tensors and metadata as safetensors. The file is replaced as a whole: a process killed at any moment leaves
 * the old one or the new one.
 * @throws McLossError ERR_IO naming the path
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly { name: string; tensor: Tensor }[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const described = tensors.map(({ name, tensor }) => {
    const { shape, dtype } = tensor;
    return { name, shape, dtype, handle: tensor.handle };
  });
  // The largest elements first, as the format's own writer has them: readers in Python need every tensor aligned.
  described.sort((a, b) => bytesOf(b.dtype) - bytesOf(a.dtype));
  const handles = described.map(({ handle }) => handle);
  await native().writeSafetensors(path, encodeHeader(described, metadata), handles);
}

/** The header of a file that holds `tensors` one after another, padded so that the first is aligned. */
function encodeHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype: Dtype }[],
  metadata: Readonly<Record<string, string>>,
): string {
  let offset = 0;
  const entries = tensors.map(({ name, shape, dtype }): [string, object] => {
    const begin = offset;
    offset += bytesOf(dtype) * elements(shape);
    return [name, { dtype: codeOf(dtype), shape, data_offsets: [begin, offset] }];
  });
  const text = JSON.stringify(Object.fromEntries([[METADATA, metadata], ...entries]));
  return text + " ".repeat((LENGTH_BYTES - (Buffer.byteLength(text) % LENGTH_BYTES)) % LENGTH_BYTES);
}

function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw foreign(path, "its header is not UTF-8", cause);
  }
}

function parseObject(path: string, text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw foreign(path, "its header is not JSON", cause);
  }
  if (!isRecord(header)) throw foreign(path, "its header is not a JSON object");
  const repeated = repeatedName(text);
  if (repeated !== undefined) throw foreign(path, `its header has the name ${repeated} twice`);
  return header;
}

/** The first name that an object in valid JSON has twice: JSON.parse would keep the last in silence. */
function repeatedName(json: string): string | undefined {
  const objects: Set<string>[] = [];
  for (let i = 0; i < json.length; i += 1) {
    const character = json[i];
    if (character === "{") objects.push(new Set());
    if (character === "}") objects.pop();
    if (character !== '"') continue;
    const end = endOfString(json, i);
    const names = objects.at(-1);
    if (names && isName(json, end)) {
      const name = JSON.parse(json.slice(i, end)) as string;
      if (names.has(name)) return name;
      names.add(name);
    }
    i = end - 1;
  }
  return undefined;
}

/** Where the string ends that starts with the quote at `start`. */
function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i + 1;
}

/** Whether the string that ended before `end` is a name: only names are followed by a colon. */
function isName(json: string, end: number): boolean {
  let i = end;
  while (" \t\n\r".includes(json.charAt(i))) i += 1;
  return json[i] === ":";
}

function parseEntry(path: string, name: string, value: unknown, start: number): SafetensorsEntry {
  if (!isRecord(value)) throw foreign(path, `its entry ${name} is not an object`);
  const { dtype: code, shape, data_offsets: offsets } = value;
  const dtype = typeof code === "string" && Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  if (!dtype) throw foreign(path, `its tensor ${name} has the unknown dtype ${String(code)}`);
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
    throw foreign(path, `its tensor ${name} has no valid shape or offsets`);
  const [begin = 0, end = 0] = offsets;
  if (!isCountable(shape) || end - begin !== bytesOf(dtype) * elements(shape)) {
    throw foreign(
      path,
      `its tensor ${name} has ${end - begin} bytes, not those of ${String(code)} [${shape.join(", ")}]`,
    );
  }
  return { shape, dtype, offset: start + begin };
}

/** The tensors must fill the file from `start` to its end, each byte once. */
function checkLayout(
  file: CheckpointFile,
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  start: number,
): void {
  const ranges = [...tensors].map(([name, { shape, dtype, offset }]) => {
    return { name, begin: offset, end: offset + bytesOf(dtype) * elements(shape) };
  });
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let previous = { name: "its header", end: start };
  for (const { name, begin, end } of ranges) {
    if (end > file.size) throw file.truncated(end, `, the end of its tensor ${name}`);
    if (begin < previous.end) throw foreign(file.path, `its tensor ${name} overlaps ${previous.name}`);
    if (begin > previous.end) throw foreign(file.path, `it has a hole before its tensor ${name}`);
    previous = { name, end };
  }
  if (previous.end < file.size) {
    throw foreign(file.path, `it has ${file.size - previous.end} bytes after ${previous.name}`);
  }
}

function codeOf(dtype: Dtype): string {
  const found = Object.entries(DTYPES).find(([, name]) => name === dtype);
  if (!found) throw new McLossError("ERR_DTYPE", `safetensors cannot hold ${dtype}`);
  return found[0];
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether the number of elements, and that of every slice of an empty tensor, can be computed without overflow. */
export function isCountable(shape: readonly number[]): boolean {
  return Number.isSafeInteger(elements(shape.map((size) => Math.max(size, 1))));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}

/** Whether `value` is a list of non-negative integers. */
export function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

function foreign(path: string, problem: string, cause?: unknown): McLossError {
  return unreadable(path, `is not a safetensors file (${problem}): copy or write it again`, cause);
}
