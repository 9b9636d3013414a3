import { stat } from "node:fs/promises";
import { systemPath } from "./file-name.js";

/** Whether `path`, or what a link there leads to, is a folder; false where that cannot be told. */
export async function isDirectory(path: string): Promise<boolean> {
  return stat(systemPath(path)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
