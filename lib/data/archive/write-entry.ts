import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Writes an entry that the policy has admitted, and the folders it lies in. */
export async function writeEntry(
  folder: string,
  name: string,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
