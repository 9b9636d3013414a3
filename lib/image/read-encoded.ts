import { readWhole } from "../io/open-file.js";
import type { ImageSource } from "./decode.js";
import type { ImageLimits } from "./limits.js";

/** The bytes of an encoded image. @throws Error for a file of more bytes than an image may take to be decoded */
export async function readEncoded(
  source: ImageSource,
  { limitInputBytes }: Pick<ImageLimits, "limitInputBytes">,
): Promise<Uint8Array> {
  if (typeof source === "string") return readWhole(source, { mostBytes: limitInputBytes });
  return typeof source === "function" ? source() : source;
}
