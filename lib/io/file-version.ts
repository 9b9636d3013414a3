import type { BigIntStats } from "node:fs";

/** Tells what a file holds from what it held before, without reading it. */
export function fileVersion({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs].join(" ");
}
