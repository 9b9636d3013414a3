import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { McLossError } from "../errors.js";
import { byCodePoint } from "./code-points.js";
import { kindOfName } from "./image-formats.js";

/**
 * The paths of the images in a folder, at any depth, in code point order. Names that begin with a dot are passed over.
 * @throws McLossError ERR_DATASET when the folder cannot be read
 */
export async function listImages(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch((cause: unknown) => {
    const text = `cannot read the folder ${dir}: check its permissions`;
    throw new McLossError("ERR_DATASET", text, { path: dir, cause });
  });
  return entries
    .filter((entry) => !entry.isDirectory() && kindOfName(entry.name) === "image")
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(dir, path).split(sep).some(isHidden))
    .sort(byCodePoint);
}

export function isHidden(name: string): boolean {
  return name.startsWith(".");
}
