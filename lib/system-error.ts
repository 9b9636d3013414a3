import { getSystemErrorMap } from "node:util";

/** Whether it is an error of node:fs, rather than of what a file holds. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && "errno" in error;
}

/** The system's words for an error of node:fs, such as "no space left on device". */
export function reasonOf(error: unknown): string {
  const { errno, message = String(error) } = error as { errno?: number; message?: string };
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
}
