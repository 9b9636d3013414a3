import { readFileSync, writeFileSync } from "node:fs";

/** Makes the process's peak what is resident now (Linux). */
export function resetPeakMemory(): void {
  writeFileSync("/proc/self/clear_refs", "5");
}

/** The most bytes that were resident since. */
export function readPeakMemory(): number {
  const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kib) * 1024;
}
