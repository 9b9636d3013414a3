import { invalidArgument } from "../errors.js";

/** Below it the legend has no place. */
const LEAST_WIDTH = 480;

/** @param width of a sheet, in pixels @throws McLossError ERR_ARGUMENT */
export function checkWidth(width: number): void {
  if (Number.isSafeInteger(width) && width >= LEAST_WIDTH) return;
  throw invalidArgument("width", `must be an integer of at least ${LEAST_WIDTH}, got ${width}`);
}
