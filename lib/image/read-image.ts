import { readWhole } from "../io/open-file.js";
import { systemPath } from "../io/file-name.js";
import { loadedNative } from "../native/binding.js";

/**
 * The bytes of an image's file, read on the threads that decode images where these are there.
 * @throws the file system's error, or an Error whose message says what is wrong with it
 */
export async function readImage(path: string, mostBytes: number): Promise<Uint8Array> {
  // Reading alone is not worth loading the addon; and it does not say why it failed.
  const bytes = await loadedNative()?.readFile(systemPath(path), mostBytes);
  return bytes ?? readWhole(path, { mostBytes });
}
