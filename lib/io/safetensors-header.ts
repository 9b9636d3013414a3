import { invalidArgument, McLossError } from "../errors.js";
import type { StoredTensor } from "../native/binding.js";
import { isRecord } from "../plain-data.js";
import { bytesOf, checkDtype, type Dtype } from "../native/dtype.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { brokenLimit, endOfString } from "./json-limits.js";
import { CHECKSUM_KEY, CHECKSUM_START, isChecksumDamaged, NO_CHECKSUM } from "./file-checksum.js";

/** What a tensor is, without its elements. */
export interface TensorInfo {
  /** The type of its elements. */
  dtype: Dtype;
  /** The size of each dimension. */
  shape: readonly number[];
}

/** The header of a safetensors file, checked: where each tensor lies. */
export interface SafetensorsHeader {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
  /** Of the whole file, where its writer left one; see verifyChecksum(). */
  checksum: string | undefined;
}

const DTYPES: Readonly<Record<string, Dtype>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
  F8_E4M3FNUZ: "float8_e4m3fnuz",
  F8_E5M2FNUZ: "float8_e5m2fnuz",
  F8_E8M0: "float8_e8m0fnu",
  F4: "float4_e2m1fn_x2",
  C64: "complex64",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U64: "uint64",
  U32: "uint32",
  U16: "uint16",
  U8: "uint8",
  BOOL: "bool",
};

/** LibTorch counts pairs of these, the format each one. */
const PAIRS: Dtype = "float4_e2m1fn_x2";

/** The name that is no tensor's: its entry holds the metadata. */
export const METADATA = "__metadata__";

const LENGTH_BYTES = 8;
// The format allows 100 MB and any number of tensors; no network's file has a hundredth of that.
const MAX_HEADER_BYTES = 32_000_000;
const MOST_TENSORS = 100_000;
/** A tensor is an object with two lists. */
const LIMITS = { depth: 3, containers: 3 * MOST_TENSORS + 2, values: 20 * MOST_TENSORS };

/**
 * Reads and checks the header of a safetensors file: every tensor lies in the file, and they follow one another
 * without overlaps and holes, as the format asks.
 * @throws McLossError ERR_CHECKPOINT when the file is truncated or not safetensors
 */
export async function readHeader(file: CheckpointFile): Promise<SafetensorsHeader> {
  const { path } = file;
  const length = Number((await file.read(0, LENGTH_BYTES)).readBigUInt64LE());
  if (length > MAX_HEADER_BYTES) throw foreign(path, "its header is too long");
  const text = decode(path, await file.read(LENGTH_BYTES, length));
  if (isChecksumDamaged(text))
    throw unreadable(path, "is damaged at its beginning: copy it again, or use another");
  // The package `safetensors` reads null as none.
  const { [METADATA]: written, ...entries } = parseObject(path, text);
  const given = written ?? {};
  if (!isStringRecord(given)) throw foreign(path, `its ${METADATA} is not a map of strings`);
  const { [CHECKSUM_KEY]: checksum, ...metadata } = given;
  const start = LENGTH_BYTES + length;
  const tensors = new Map(
    Object.entries(entries).map(([name, value]) => [name, parseEntry(path, name, value, start)]),
  );
  checkLayout(file, tensors, start);
  return { tensors, metadata, checksum: text.startsWith(CHECKSUM_START) ? checksum : undefined };
}

/**
 * The first bytes of a file that holds `tensors`, and where each lies in it: without holes, each aligned, because those
 * with the largest elements come first, as the format's own writer has them. A checksum is to be written when the rest is.
 * @throws McLossError ERR_ARGUMENT or ERR_DTYPE naming the tensor
 */
export function makeHeader(
  tensors: readonly (readonly [name: string, info: TensorInfo])[],
  metadata: Readonly<Record<string, string>>,
): { bytes: Buffer; tensors: Map<string, StoredTensor> } {
  const ordered = tensors.map(([name, info]) => ({ name, ...checkInfo(name, info) }));
  ordered.sort((a, b) => bytesOf(b.dtype) - bytesOf(a.dtype));
  let end = 0;
  const placed = ordered.map(({ name, dtype, shape }) => {
    const begin = end;
    end += bytesOf(dtype) * elements(shape);
    const entry = {
      dtype: codeOf(name, dtype),
      shape: storedShape(dtype, shape),
      data_offsets: [begin, end],
    };
    return { name, dtype, shape, begin, entry };
  });
  const others = Object.entries(metadata).filter(([key]) => key !== CHECKSUM_KEY);
  const texts = [[CHECKSUM_KEY, NO_CHECKSUM] as const, ...others];
  const text = writeObject([
    [METADATA, writeObject(texts.map(([key, value]) => [key, JSON.stringify(value)]))],
    ...placed.map(({ name, entry }) => [name, JSON.stringify(entry)] as const),
  ]);
  // Padded, so that the first tensor is aligned too.
  if (tensors.length > MOST_TENSORS) throw invalidArgument("tensors", `must be at most ${MOST_TENSORS}`);
  const length = Math.ceil(Buffer.byteLength(text) / LENGTH_BYTES) * LENGTH_BYTES;
  if (length > MAX_HEADER_BYTES) {
    throw invalidArgument("metadata", `and the tensors' names must have at most ${MAX_HEADER_BYTES} bytes`);
  }
  const bytes = Buffer.alloc(LENGTH_BYTES + length, " ");
  bytes.writeBigUInt64LE(BigInt(length));
  bytes.write(text, LENGTH_BYTES);
  const stored = placed.map(({ name, dtype, shape, begin }): [string, StoredTensor] => {
    return [name, { dtype, shape, offset: bytes.length + begin }];
  });
  return { bytes, tensors: new Map(stored) };
}

/** As JSON.stringify, but in the order given, whatever the names are. */
function writeObject(members: readonly (readonly [name: string, json: string])[]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`;
}

function checkInfo(name: string, { dtype, shape }: TensorInfo): TensorInfo {
  if (name === METADATA) throw invalidArgument("tensors", `must not use the name ${METADATA}`);
  checkDtype(`tensors.${name}.dtype`, dtype);
  if (isCounts(shape) && isCountable(shape)) return { dtype, shape };
  throw invalidArgument(`tensors.${name}.shape`, "must be a list of non-negative integers");
}

function decode(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw foreign(path, "its header is not UTF-8", cause);
  }
}

function parseObject(path: string, text: string): Record<string, unknown> {
  const broken = brokenLimit(text, LIMITS);
  if (broken !== undefined) throw foreign(path, `its header has ${broken}`);
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

/** Whether the string that ended before `end` is a name: only names are followed by a colon. */
function isName(json: string, end: number): boolean {
  let i = end;
  while (" \t\n\r".includes(json.charAt(i))) i += 1;
  return json[i] === ":";
}

function parseEntry(path: string, name: string, value: unknown, start: number): StoredTensor {
  if (!isRecord(value)) throw foreign(path, `its entry ${name} is not an object`);
  const { dtype: code, shape, data_offsets: offsets } = value;
  const dtype = typeof code === "string" && Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  if (!dtype)
    throw foreign(
      path,
      `its tensor ${name} has the unknown dtype ${typeof code === "string" ? code : typeof code}`,
    );
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
    throw foreign(path, `its tensor ${name} has no valid shape or offsets`);
  const [begin = 0, end = 0] = offsets;
  const inMemory = memoryShape(dtype, shape);
  if (!inMemory || !isCountable(inMemory) || end - begin !== bytesOf(dtype) * elements(inMemory)) {
    throw foreign(
      path,
      `its tensor ${name} has ${end - begin} bytes, not those of ${String(code)} [${shape.join(", ")}]`,
    );
  }
  return { shape: inMemory, dtype, offset: start + begin };
}

/** The shape that LibTorch has for one in the file; undefined where it cannot have one. */
function memoryShape(dtype: Dtype, shape: readonly number[]): readonly number[] | undefined {
  if (dtype !== PAIRS) return shape;
  const last = shape.at(-1);
  return last !== undefined && last % 2 === 0 ? [...shape.slice(0, -1), last / 2] : undefined;
}

function storedShape(dtype: Dtype, shape: readonly number[]): readonly number[] {
  return dtype === PAIRS ? [...shape.slice(0, -1), 2 * (shape.at(-1) ?? 1)] : shape;
}

/** The tensors must fill the file from `start` to its end, each byte once. */
function checkLayout(file: CheckpointFile, tensors: ReadonlyMap<string, StoredTensor>, start: number): void {
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

function codeOf(name: string, dtype: Dtype): string {
  const found = Object.entries(DTYPES).find(([, each]) => each === dtype);
  if (found) return found[0];
  throw new McLossError("ERR_DTYPE", `safetensors cannot hold ${dtype}, the dtype of ${name}`, {
    argument: "tensors",
  });
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether the number of elements, and that of every slice of an empty tensor, can be computed without overflow. */
export function isCountable(shape: readonly number[]): boolean {
  return Number.isSafeInteger(elements(shape.map((size) => Math.max(size, 1))));
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
