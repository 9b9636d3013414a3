import { createInterface } from "node:readline";
import { listImages } from "../data/list-images.js";
import { McLossError } from "../errors.js";
import { isDirectory } from "../io/is-directory.js";

/** Files as they are, and the images in folders. @throws McLossError ERR_DATASET for a folder without images */
export async function expandPaths(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (!(await isDirectory(path))) {
      found.push(path);
      continue;
    }
    const images = await listImages(path);
    if (images.length === 0) {
      throw new McLossError("ERR_DATASET", `the folder ${path} has no images`, { path });
    }
    for (const image of images) found.push(image);
  }
  return found;
}

/** The lines of a stream as they come, without empty ones, until `signal` is aborted. */
export async function* readLines(input: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<string> {
  for await (const line of createInterface({ input, signal, crlfDelay: Infinity })) {
    if (line !== "") yield line;
  }
}
