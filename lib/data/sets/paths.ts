import { stat } from "node:fs/promises";
import { basename, join, resolve, sep } from "node:path";
import { systemPath } from "../../io/file-name.js";

/** Joins a published path to the folder it counts from; undefined where it leads out of it or is no path. */
export function joinInside(folder: string, path: string): string | undefined {
  const joined = join(folder, path);
  if (hasControlCharacters(path) || !resolve(joined).startsWith(resolve(folder) + sep)) return undefined;
  return joined;
}

export function hasControlCharacters(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return /[\0-\x1f]/.test(text);
}

export async function exists(path: string): Promise<boolean> {
  return stat(systemPath(path)).then(
    () => true,
    () => false,
  );
}

/** A folder, or the one of its own name in it: archives are unpacked so. */
export async function innermost(folder: string): Promise<string> {
  const inside = join(folder, basename(folder));
  return (await exists(inside)) ? inside : folder;
}
