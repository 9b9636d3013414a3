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
  if (!bytes) return readWhole(path, { mostBytes });
  freeable.add(bytes);
  return bytes;
}

/** Lies outside JavaScript's heap. */
const freeable = new WeakSet<Uint8Array>();

/**
 * Frees what {@link readImage} gave and nobody reads any more: the garbage collector, which would, holds up the event loop the
 * more often the more such bytes there are. Other bytes are left alone.
 */
export function freeImage(bytes: Uint8Array): void {
  if (freeable.delete(bytes)) loadedNative()?.freeBytes(bytes);
}
