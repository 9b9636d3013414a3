import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** One thing in a folder. */
export interface FolderEntry {
  name: string;
  path: string;
  kind: "file" | "folder" | "link" | "other";
}

/**
 * What is in a folder. A name that is not UTF-8 has each of its odd bytes as a lone surrogate, U+DC80 to U+DCFF, as in
 * Python (surrogateescape): {@link systemPath} gives the bytes back.
 * @throws the file system's error
 */
export async function readFolder(dir: string): Promise<FolderEntry[]> {
  return (await entriesOf(systemPath(dir))).map((entry) => {
    const name = typeof entry.name === "string" ? entry.name : nameOf(entry.name);
    return { name, path: join(dir, name), kind: kindOf(entry) };
  });
}

async function entriesOf(dir: string | Buffer): Promise<(Dirent | Dirent<Buffer>)[]> {
  // Bun does not tell what names are of, where they are asked for as bytes.
  if (process.versions.bun !== undefined) return readdir(dir, { withFileTypes: true });
  return readdir(dir, { withFileTypes: true, encoding: "buffer" });
}

/** The most that file systems take. */
export const MOST_NAME_BYTES = 255;

/** A name, or its beginning where it has more bytes. */
export function shortenName(name: string, mostBytes: number): string {
  let short = "";
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > mostBytes) break;
    short += character;
  }
  return short;
}

/** What node:fs opens a path by: its bytes, where it is not UTF-8. */
export function systemPath(path: string): string | Buffer {
  return ODD.test(path) ? Buffer.concat(Array.from(path, bytesOf)) : path;
}

// With the flag u, halves of a pair are not meant.
const ODD = /[\udc80-\udcff]/u;
const ODD_BASE = 0xdc00;

function bytesOf(character: string): Buffer {
  return ODD.test(character) ? Buffer.of(character.charCodeAt(0) - ODD_BASE) : Buffer.from(character);
}

function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let name = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterAt(bytes, at);
    name +=
      length > 0 ? bytes.toString("utf8", at, at + length) : String.fromCharCode(ODD_BASE + (bytes[at] ?? 0));
    at += Math.max(1, length);
  }
  return name;
}

/** How many bytes the character has that begins there; 0 where none does. */
function characterAt(bytes: Buffer, at: number): number {
  for (const length of [1, 2, 3, 4]) {
    if (at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

function kindOf(entry: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}): FolderEntry["kind"] {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}
