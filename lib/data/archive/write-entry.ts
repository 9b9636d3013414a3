import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "../../make-folder.js";

/**
 * Writes an entry that the policy has admitted, and the folders it lies in.
 * @param read gives its bytes; called when they can be taken, and not before
 */
export async function writeEntry(
  folder: string,
  name: string,
  read: () => AsyncIterable<Buffer>,
): Promise<void> {
  const path = join(folder, name);
  await makeFolder(dirname(path));
  const file = await open(path, "w");
  try {
    for await (const chunk of read()) await file.appendFile(chunk);
  } finally {
    await file.close();
  }
}
