import { closeSync, constants, fstatSync, openSync, type Stats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { systemPath } from "./file-name.js";

// Opening a pipe would wait for its writer.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** How {@link readWhole} reads. */
export interface ReadOptions {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** A larger file is refused. Default: any size. */
  mostBytes?: number;
}

/**
 * Opens a file for reading. Anything else, as a folder, a pipe or a device, is refused at once: it may never end.
 * @throws the file system's error, or an Error whose message says what it is
 */
export async function openFile(path: string): Promise<FileHandle> {
  const file = await open(systemPath(path), FLAGS);
  try {
    checkKind(await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** As {@link openFile}: its descriptor. */
export function openFileSync(path: string): number {
  const descriptor = openSync(systemPath(path), FLAGS);
  try {
    checkKind(fstatSync(descriptor));
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * The bytes of a file.
 * @throws as {@link openFile}
 */
export async function readWhole(path: string, options: ReadOptions = {}): Promise<Buffer> {
  const { signal, mostBytes = Infinity } = options;
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (size > mostBytes) throw new Error(`it has ${size} bytes, more than ${mostBytes}`);
    return await file.readFile({ signal });
  } finally {
    await file.close();
  }
}

function checkKind(status: Stats): void {
  if (status.isFile()) return;
  throw new Error(`it is ${nameKind(status)}, not a file`);
}

function nameKind(status: Stats): string {
  if (status.isDirectory()) return "a folder";
  if (status.isFIFO()) return "a pipe";
  return status.isSocket() ? "a socket" : "a device";
}
