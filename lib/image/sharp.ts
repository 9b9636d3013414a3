import type sharp from "sharp";

type Sharp = typeof sharp;

let loaded: Promise<Sharp> | undefined;

/** sharp, which brings libvips, loaded when the first image needs it: who only wants the loss does not pay for it. */
export function loadSharp(): Promise<Sharp> {
  loaded ??= import("sharp").then(({ default: sharp }) => {
    // Many small images: parallel across images on libuv's pool, one thread within each.
    sharp.concurrency(1);
    // Pixels are cached by the loader, as they are after resizing.
    sharp.cache(false);
    return sharp;
  });
  return loaded;
}
