import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A data set made by test/fixtures/datasets/make.py, in the published layout. */
export function fixture(path: string): string {
  return fileURLToPath(new URL(`../fixtures/datasets/${path}`, import.meta.url));
}

/** A copy that a test may damage. */
export async function copyFixture(path: string, folder: string): Promise<string> {
  const copy = join(folder, basename(path));
  await cp(fixture(path), copy, { recursive: true });
  return copy;
}
