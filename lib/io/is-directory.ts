import { stat } from "node:fs/promises";

/** Whether `path`, or what a link there leads to, is a folder; false where that cannot be told. */
export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
