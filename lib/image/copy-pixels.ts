import { native } from "../native/binding.js";

/** Fewer bytes are copied sooner than a thread is woken. */
const SMALL = 64 * 1024;

/** Copies pixels as large as `target`, those of a large image on the threads for images. */
export async function copyPixels(pixels: Uint8Array, target: Uint8Array): Promise<void> {
  if (pixels.length < SMALL || pixels.length % 3 !== 0) return target.set(pixels);
  const size = { height: 1, width: pixels.length / 3 };
  const cut = { region: undefined, resized: undefined, window: { top: 0, left: 0, ...size } };
  await native().cutPixels(pixels, { ...cut, interpolation: "nearest", size, whole: size }, target);
}
