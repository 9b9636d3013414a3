import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import type { Size } from "./geometry.js";

/** What is wrong with an image, found here rather than by libvips. */
export class ImageProblem extends Error {}

/** What is said of an image that cannot be read, and that may be skipped. */
export function imageError(path: string | undefined, cause: unknown): McLossError {
  const name = path === undefined ? "an image" : `the image ${path}`;
  const text = `cannot decode ${name} (${reasonOf(cause)}): export it again or remove it, or skip it ({ onBadImage: "skip" })`;
  return new McLossError("ERR_IMAGE", text, { path, cause });
}

/** An image that is too small for what is to be taken of it. */
export function tooSmall(problem: string, { height, width }: Size): McLossError {
  const text = `the image (${width} × ${height} pixels) ${problem}: resize it first, or skip it ({ onBadImage: "skip" })`;
  return new McLossError("ERR_IMAGE", text);
}
