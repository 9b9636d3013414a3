import { native } from "../native/binding.js";
import type { Pipeline } from "./pipeline.js";
import type { PixelEdit } from "./pixel-edits.js";

/** Where a sample that will be at `target` is decoded to: there, where editing leaves its size as it is. */
export function decodedPlace({ decodedBytes }: Pipeline, target: Uint8Array): Uint8Array {
  return decodedBytes === target.byteLength ? target : new Uint8Array(decodedBytes);
}

/** Makes a sample's edits of its decoded pixels, on one of the threads for images. @param decoded may be `target` */
export async function editPixels(
  { decoded: { height, width } }: Pipeline,
  edits: readonly PixelEdit[],
  decoded: Uint8Array,
  target: Uint8Array,
): Promise<void> {
  if (edits.length > 0) await native().editPixels(decoded, [height, width], edits, target);
}
