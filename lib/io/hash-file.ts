import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { openFile } from "./open-file.js";

/** The SHA-256 of a file, in hexadecimal. */
export async function hashFile(
  path: string,
  options: { signal?: AbortSignal; onBytes?: (count: number) => void } = {},
): Promise<string> {
  const { signal, onBytes } = options;
  const hash = createHash("sha256");
  const consume = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      onBytes?.(chunk.length);
    }
  };
  const file = await openFile(path);
  await pipeline(file.createReadStream({ highWaterMark: 2 ** 20 }), consume, { signal });
  return hash.digest("hex");
}
