import type { Sharp, SharpOptions } from "sharp";
import { McLossError } from "../errors.js";
import type { Kernel } from "./transforms.js";

let opened: Promise<(path: string, options: SharpOptions) => Sharp> | undefined;

/** sharp, loaded at the first image: who only wants the loss does not pay for it. */
async function openSharp(path: string, options: SharpOptions): Promise<Sharp> {
  opened ??= import("sharp").then(({ default: sharp }) => {
    // Many small images: parallel across images on libuv's pool, one thread within each.
    sharp.concurrency(1);
    // Pixels are cached by the loader, as they are after resizing.
    sharp.cache(false);
    return sharp;
  });
  return (await opened)(path, options);
}

/**
 * Decodes an image to 8-bit sRGB of exactly `height` × `width`: row by row, 3 bytes a pixel. The EXIF rotation is
 * applied, transparency is laid on white, and of an animation the first frame is taken.
 * @throws McLossError ERR_IMAGE naming the file
 */
export async function decodeImage(
  path: string,
  target: { height: number; width: number; kernel?: Kernel },
): Promise<Uint8Array> {
  const { height, width, kernel = "lanczos3" } = target;
  try {
    const image = await openSharp(path, { failOn: "error" });
    const { data, info } = await image
      .autoOrient()
      .resize(width, height, { fit: "fill", kernel })
      .flatten({ background: "#fff" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
    return data;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `cannot decode the image ${path} (${reason}): export it again or remove it, or skip bad images`;
    throw new McLossError("ERR_IMAGE", text, { path, cause });
  }
}
