import { invalidArgument } from "./errors.js";
import { isRecord } from "./plain-data.js";

/** @throws McLossError ERR_ARGUMENT for anything but a path */
export function checkPlace(argument: string, value: unknown): void {
  if (typeof value !== "string" || value === "") throw invalidArgument(argument, "must be a path");
}

/** @throws McLossError ERR_ARGUMENT for anything but a list of paths, with at least one */
export function checkPlaces(argument: string, values: unknown): void {
  if (!Array.isArray(values) || values.length === 0) {
    throw invalidArgument(argument, "must be a list of paths, with at least one");
  }
  values.forEach((value, index) => checkPlace(`${argument}[${index}]`, value));
}

/** @throws McLossError ERR_ARGUMENT for anything but a list, of at least so many items; `what` says of what */
export function checkList(argument: string, value: unknown, what: string, least = 0): void {
  if (!Array.isArray(value) || value.length < least)
    throw invalidArgument(argument, `must be a list of ${what}`);
}

/** @throws McLossError ERR_ARGUMENT for what a `for await` does not take; `what` says what it gives */
export function checkIterable(argument: string, value: unknown, what: string): void {
  if (typeof value === "object" && value !== null) {
    if (Symbol.iterator in value || Symbol.asyncIterator in value) return;
  }
  throw invalidArgument(argument, `must be a list or a generator of ${what}`);
}

/** @throws McLossError ERR_ARGUMENT for anything but a function */
export function checkFunction(argument: string, value: unknown): void {
  if (typeof value !== "function") throw invalidArgument(argument, "must be a function");
}

/** @throws McLossError ERR_ARGUMENT for anything but an object; `what` says which one is meant */
export function checkRecord(argument: string, value: unknown, what: string): void {
  if (!isRecord(value)) throw invalidArgument(argument, `must be ${what}`);
}

/** @throws McLossError ERR_ARGUMENT for anything but an object of the class; `what` is its name with an article */
export function checkInstance(
  argument: string,
  value: unknown,
  type: { readonly prototype: unknown },
  what: string,
): void {
  if (!(value instanceof (type as unknown as new () => unknown))) {
    throw invalidArgument(argument, `must be ${what}`);
  }
}
