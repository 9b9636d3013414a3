import { readFile } from "node:fs/promises";
import type { ImageSource } from "./decode.js";

/** The bytes of an encoded image. */
export async function readEncoded(source: ImageSource): Promise<Uint8Array> {
  if (typeof source === "string") return readFile(source);
  return typeof source === "function" ? source() : source;
}
