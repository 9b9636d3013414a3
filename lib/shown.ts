import { inspect } from "node:util";
import { isRecord } from "./plain-data.js";

const MOST_SHOWN = 60;

/** A value in an error's message, whatever it is: plain data as JSON, another object as the name of its class. */
export function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (isRecord(value) && !isPlain(value)) return `a ${classOf(value)}`;
  if (typeof value === "symbol") return value.toString();
  if (typeof value !== "object" && typeof value !== "string") return `${value as number}`;
  const text = jsonOf(value) ?? inspect(value, { depth: 1, breakLength: Infinity });
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)} …` : text;
}

/** Whether it is an object without a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function classOf({ constructor }: { constructor?: unknown }): string {
  return typeof constructor === "function" ? constructor.name : "object of no class";
}

/** Undefined where JSON cannot say it, as of an object that is a part of itself. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner));
  } catch {
    return undefined;
  }
}
