import { existsSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { reasonOf } from "../system-error.js";

/**
 * Makes a folder and those around it, where there are none. In a folder that takes no new ones it fails with the reason of
 * that: mkdir's own `recursive` says "no such file or directory" on a read-only disk, and never ends in /proc.
 * @throws an error whose message is the reason, and names the folder that is at fault
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  let folder = resolve(path);
  for (; !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  if (missing.length === 0) missing.push(folder);
  for (const made of missing) await makeOne(made);
}

async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (cause) {
    // Another process may have made it meanwhile.
    const found = await stat(folder).catch(() => undefined);
    if (found?.isDirectory()) return;
    const around = dirname(folder);
    const reason = found ? `${folder} is a file` : `${around} takes no new folders: ${reasonOf(cause)}`;
    throw new Error(reason, { cause });
  }
}
