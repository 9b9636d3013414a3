import { fileURLToPath } from "node:url";

/** The path of a picture of the documentation. */
export function pictureAt(name: string): string {
  return fileURLToPath(new URL(`../../docs/images/${name}`, import.meta.url));
}
