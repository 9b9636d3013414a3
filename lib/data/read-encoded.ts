import { readWhole } from "../io/open-file.js";
import type { ImageSource } from "./decode.js";

/** The bytes of an encoded image. */
export async function readEncoded(source: ImageSource): Promise<Uint8Array> {
  if (typeof source === "string") return readWhole(source);
  return typeof source === "function" ? source() : source;
}
