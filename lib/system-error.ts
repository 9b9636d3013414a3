import { getSystemErrorMap } from "node:util";
import { shown } from "./shown.js";

/** Whether it is an error of node:fs, rather than of what a file holds. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && "errno" in error;
}

/** The system's words for an error of node:fs, such as "no space left on device". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === "string" ? error : shown(error);
  const { errno, message } = error as NodeJS.ErrnoException;
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
}
