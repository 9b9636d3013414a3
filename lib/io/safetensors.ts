import { open } from "node:fs/promises";
import { McLossError } from "../errors.js";
import type { Dtype } from "../tensor/dtype.js";

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

const DTYPES = {
  F64: { dtype: "float64", bytes: 8 },
  F32: { dtype: "float32", bytes: 4 },
  F16: { dtype: "float16", bytes: 2 },
  BF16: { dtype: "bfloat16", bytes: 2 },
  I64: { dtype: "int64", bytes: 8 },
  I32: { dtype: "int32", bytes: 4 },
  I16: { dtype: "int16", bytes: 2 },
  I8: { dtype: "int8", bytes: 1 },
  U8: { dtype: "uint8", bytes: 1 },
  BOOL: { dtype: "bool", bytes: 1 },
} as const satisfies Record<string, { dtype: Dtype; bytes: number }>;

type Code = keyof typeof DTYPES;

const LENGTH_BYTES = 8;
// The format's own limit; a foreign file's first bytes would mostly ask for far more.
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Reads and checks the header of a safetensors file.
 * @throws McLossError ERR_CHECKPOINT when the file is missing, truncated or not safetensors
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const { text, size } = await readHeaderText(path);
  const start = LENGTH_BYTES + Buffer.byteLength(text);
  const header = parseObject(path, text);
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isStringRecord(metadata)) throw foreign(path, "its __metadata__ is not a map of strings");
  const tensors = new Map<string, SafetensorsEntry>();
  let end = start;
  for (const [name, value] of Object.entries(entries)) {
    const entry = parseEntry(path, name, value, start);
    tensors.set(name, entry);
    end = Math.max(end, entry.end);
  }
  if (end > size) throw truncated(path, size, end);
  return { tensors, metadata };
}

/** The header of a file that holds `tensors` one after another, padded so that the tensors are aligned. */
export function encodeSafetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype: Dtype }[],
  metadata: Record<string, string>,
): string {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, dtype } of tensors) {
    const [code, { bytes }] = codeOf(dtype);
    const end = offset + bytes * elements(shape);
    header[name] = { dtype: code, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const text = JSON.stringify(header);
  return text + " ".repeat((LENGTH_BYTES - (Buffer.byteLength(text) % LENGTH_BYTES)) % LENGTH_BYTES);
}

async function readHeaderText(path: string): Promise<{ text: string; size: number }> {
  const file = await open(path).catch((cause: unknown) => {
    throw new McLossError("ERR_CHECKPOINT", `cannot open the checkpoint ${path}: check the path`, {
      path,
      cause,
    });
  });
  try {
    const { size } = await file.stat();
    const prefix = Buffer.alloc(LENGTH_BYTES);
    if ((await file.read(prefix, 0, LENGTH_BYTES, 0)).bytesRead < LENGTH_BYTES)
      throw truncated(path, size, LENGTH_BYTES);
    const length = Number(prefix.readBigUInt64LE());
    if (length > MAX_HEADER_BYTES) throw foreign(path, "its header is too long");
    if (LENGTH_BYTES + length > size) throw truncated(path, size, LENGTH_BYTES + length);
    const text = Buffer.alloc(length);
    await file.read(text, 0, length, LENGTH_BYTES);
    return { text: text.toString("utf8"), size };
  } finally {
    await file.close();
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
  return header;
}

function parseEntry(
  path: string,
  name: string,
  value: unknown,
  start: number,
): SafetensorsEntry & { end: number } {
  if (!isRecord(value)) throw foreign(path, `its entry ${name} is not an object`);
  const { dtype: code, shape, data_offsets: offsets } = value;
  if (typeof code !== "string" || !Object.hasOwn(DTYPES, code)) {
    throw foreign(path, `its tensor ${name} has the unknown dtype ${String(code)}`);
  }
  const { dtype, bytes } = DTYPES[code as Code];
  if (!isCounts(shape) || !isCounts(offsets))
    throw foreign(path, `its tensor ${name} has no valid shape or offsets`);
  const [begin = 0, end = 0] = offsets;
  if (end - begin !== bytes * elements(shape)) {
    throw foreign(
      path,
      `its tensor ${name} has ${end - begin} bytes, not those of ${code} [${shape.join(", ")}]`,
    );
  }
  return { shape, dtype, offset: start + begin, end: start + end };
}

function codeOf(dtype: Dtype): [string, (typeof DTYPES)[Code]] {
  const found = Object.entries(DTYPES).find(([, entry]) => entry.dtype === dtype);
  if (!found) throw new McLossError("ERR_DTYPE", `safetensors cannot hold ${dtype}`);
  return found;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === "string");
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

function truncated(path: string, size: number, expected: number): McLossError {
  const text = `the checkpoint ${path} is truncated (${size} bytes, expected ${expected}): copy it again, or use an older one`;
  return new McLossError("ERR_CHECKPOINT", text, { path });
}

function foreign(path: string, problem: string, cause?: unknown): McLossError {
  const text = `${path} is not a safetensors file (${problem}): give a checkpoint that mcloss train wrote`;
  return new McLossError("ERR_CHECKPOINT", text, { path, cause });
}
