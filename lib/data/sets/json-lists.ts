import { McLossError } from "../../errors.js";
import { openFile } from "../../io/open-file.js";
import { reasonOf } from "../../system-error.js";

/** Takes an entry of a list; it throws where that is not what it should be. */
export type TakeEntry = (entry: unknown) => void;

/**
 * Reads the lists that a JSON file's object has under these names, entry by entry, so that a file may be larger than a text can
 * be, which is 512 MiB. Its other keys are passed over.
 * @param chunkBytes how much is read at once
 * @throws McLossError ERR_DATASET naming the file, and the entry that is wrong
 */
export async function readJsonLists(
  path: string,
  lists: Readonly<Record<string, TakeEntry>>,
  chunkBytes = CHUNK_BYTES,
): Promise<void> {
  const names = Object.keys(lists);
  const { JSONParser } = await import("@streamparser/json");
  const found = new Set<string>();
  const parser = new JSONParser({
    paths: names.map((name) => `$.${name}.*`),
    keepStack: false,
    stringBufferSize: STRING_BYTES,
  });
  parser.onValue = ({ value, key, stack }) => {
    const name = String(stack.at(-1)?.key);
    found.add(name);
    try {
      lists[name]?.(value);
    } catch (cause) {
      throw new Error(`${name}.${key}.${reasonOf(cause)}`, { cause });
    }
  };
  try {
    for await (const bytes of readUtf8(path, chunkBytes)) parser.write(bytes);
    if (!parser.isEnded) throw new Error("it ends too early");
    const missing = names.find((name) => !found.has(name));
    if (missing !== undefined) throw new Error(`${missing}: there are none`);
  } catch (cause) {
    const text = `${path} is not a file with the lists ${names.join(", ")} (${reasonOf(cause)}): unpack it again`;
    throw new McLossError("ERR_DATASET", text, { path, cause });
  }
}

const CHUNK_BYTES = 2 ** 20;
/** Texts are put together in a buffer of so many bytes, rather than letter by letter. */
const STRING_BYTES = 2 ** 16;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The bytes of a file, without a byte order mark. @throws Error where they are not UTF-8 */
async function* readUtf8(path: string, chunkBytes: number): AsyncGenerator<Uint8Array, void, void> {
  const file = await openFile(path);
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let start = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, start);
      const bytes = buffer.subarray(0, bytesRead);
      try {
        decoder.decode(bytes, { stream: bytesRead > 0 });
      } catch (cause) {
        throw new Error(`it is not UTF-8 after byte ${start}`, { cause });
      }
      if (bytesRead === 0) return;
      const marked = start === 0 && bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
      yield marked ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
      start += bytesRead;
    }
  } finally {
    await file.close();
  }
}
