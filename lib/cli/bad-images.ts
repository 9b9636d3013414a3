import type { SkippedImage } from "../loader/bad-images.js";
import { printLine } from "./progress.js";

/** Says at the end which images of a loader were left out, and which were decoded as far as they go. */
export function tellBadImages({
  skipped,
  repaired,
}: {
  skipped: readonly SkippedImage[];
  repaired: readonly SkippedImage[];
}): void {
  for (const { path, reason } of skipped) printLine(`skipped ${path}: ${reason}`);
  for (const { path, reason } of repaired) printLine(`repaired ${path}: ${reason}`);
  if (repaired.length > 0) printLine(`damaged images that were used as far as they go: ${repaired.length}`);
}
