import { z } from "zod";
import { invalidArgument } from "./errors.js";

/**
 * A value as JSON that says all of it: numbers that JSON has not (NaN, Infinity) become texts of their names, which
 * {@link recordedNumber} reads, and regular expressions and big integers their texts.
 * @param name of the value, for errors
 * @throws McLossError ERR_ARGUMENT naming a part that cannot be written, such as a function
 */
export function recordJson(value: unknown, name: string, indent?: number): string {
  return JSON.stringify(plain(value, name, []), null, indent);
}

/** A number as {@link recordJson} writes it. */
export const recordedNumber: z.ZodType<number> = z.union([
  z.number(),
  z.enum(["NaN", "Infinity", "-Infinity"]).transform((text) => Number(text)),
]);

function plain(value: unknown, path: string, around: readonly object[]): unknown {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return String(value);
    case "function":
    case "symbol":
      throw invalidArgument(path, `must be plain data, as it is recorded, and is a ${typeof value}`);
    case "object":
      return value === null ? null : plainObject(value, path, around);
    default:
      return value;
  }
}

function plainObject(value: object, path: string, around: readonly object[]): unknown {
  if (around.includes(value)) throw invalidArgument(path, "must be plain data, and has itself as a part");
  const within = [...around, value];
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return value.map((item, i) => plain(item, `${path}[${i}]`, within));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return plain(toJSON.call(value), path, within);
  const entries = Object.entries(value).map(([key, part]) => [key, plain(part, `${path}.${key}`, within)]);
  return Object.fromEntries(entries) as unknown;
}
