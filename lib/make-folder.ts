import { existsSync, mkdirSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { reasonOf } from "./system-error.js";

/**
 * Makes a folder and those around it, where there are none. In a folder that takes no new ones it fails with the reason of
 * that: mkdir's own `recursive` says "no such file or directory" on a read-only disk, and never ends in /proc.
 * @throws an error whose message is the reason, and names the folder that is at fault
 */
export async function makeFolder(path: string): Promise<void> {
  for (const folder of missingFolders(path)) {
    await mkdir(folder).catch((cause: unknown) => {
      requireFolder(folder, cause);
    });
  }
}

/** As {@link makeFolder}, at once. */
export function makeFolderSync(path: string): void {
  for (const folder of missingFolders(path)) {
    try {
      mkdirSync(folder);
    } catch (cause) {
      requireFolder(folder, cause);
    }
  }
}

/** The outermost first; the folder itself in any case. */
function missingFolders(path: string): string[] {
  const missing: string[] = [];
  let folder = resolve(path);
  for (; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  return missing.length > 0 ? missing : [folder];
}

/** Another process may have made it meanwhile. */
function requireFolder(folder: string, cause: unknown): void {
  const found = existsSync(folder) ? statSync(folder) : undefined;
  if (found?.isDirectory()) return;
  const around = dirname(folder);
  const reason = found ? `${folder} is a file` : `${around} takes no new folders: ${reasonOf(cause)}`;
  throw new Error(reason, { cause });
}
