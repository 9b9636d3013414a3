import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";

/** What is wrong with an image, found here rather than by libvips. */
export class ImageProblem extends Error {}

/** What is said of an image that cannot be read, and that may be skipped. */
export function imageError(path: string | undefined, cause: unknown): McLossError {
  const name = path === undefined ? "an image" : `the image ${path}`;
  const text = `cannot decode ${name} (${reasonOf(cause)}): export it again or remove it, or skip it ({ onBadImage: "skip" })`;
  return new McLossError("ERR_IMAGE", text, { ...(path === undefined ? {} : { path }), cause });
}
