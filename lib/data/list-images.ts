import { checkPlace } from "../check-argument.js";
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { McLossError } from "../errors.js";
import { readFolder, systemPath, type FolderEntry } from "../io/file-name.js";
import { openFile } from "../io/open-file.js";
import { byCodePoint } from "./code-points.js";
import { kindOfName, sniffFormat } from "../image/formats.js";
import { PassedOver } from "./passed-over.js";

/**
 * The paths of the images in a folder, at any depth, in code point order. Links are followed, and each folder is taken
 * once. A file without an image's name is taken where its first bytes are an image's. Names that begin with a dot are
 * passed over, as is what macOS and NAS systems keep beside images (`__MACOSX`, `@eaDir`).
 * @throws McLossError ERR_DATASET when the folder cannot be read
 */
export async function listImages(dir: string): Promise<string[]> {
  checkPlace("dir", dir);
  return findImages(dir, new PassedOver());
}

/** As {@link listImages}, counting the other files. */
export async function findImages(dir: string, passedOver: PassedOver): Promise<string[]> {
  const search = new Search(passedOver);
  await search.folder(dir);
  await search.links();
  return search.images.sort(byCodePoint);
}

/** Whether a name is passed over. */
export function isHidden(name: string): boolean {
  return name.startsWith(".") || name === "__MACOSX" || name === "@eaDir";
}

/** What is in a folder and not hidden. @throws McLossError ERR_DATASET when it cannot be read */
export async function listVisible(dir: string): Promise<FolderEntry[]> {
  const entries = await readFolder(dir).catch((cause: unknown) => {
    const text = `cannot read the folder ${dir}: check the path and its permissions`;
    throw new McLossError("ERR_DATASET", text, { path: dir, cause });
  });
  return entries.filter(({ name }) => !isHidden(name));
}

class Search {
  readonly images: string[] = [];
  readonly #passedOver: PassedOver;
  /** Device and inode of each folder. */
  readonly #seen = new Set<string>();
  /** To folders. They come last, so that images have the names of the folders that they are in. */
  #links: string[] = [];

  constructor(passedOver: PassedOver) {
    this.#passedOver = passedOver;
  }

  async folder(dir: string): Promise<void> {
    if (!(await this.#isNew(dir))) return;
    for (const entry of await listVisible(dir)) {
      if (entry.kind === "folder") await this.folder(entry.path);
      else if (entry.kind === "link" && (await isFolder(entry.path))) this.#links.push(entry.path);
      else if (await isImage(entry)) this.images.push(entry.path);
      else this.#passedOver.add(entry.name);
    }
  }

  async links(): Promise<void> {
    while (this.#links.length > 0) {
      const links = this.#links.sort(byCodePoint);
      this.#links = [];
      for (const path of links) await this.folder(path);
    }
  }

  async #isNew(dir: string): Promise<boolean> {
    const status = await stat(systemPath(dir), { bigint: true }).catch(() => undefined);
    if (!status) return true;
    const identity = `${status.dev} ${status.ino}`;
    if (this.#seen.has(identity)) return false;
    this.#seen.add(identity);
    return true;
  }
}

async function isFolder(path: string): Promise<boolean> {
  const status = await stat(systemPath(path)).catch(() => undefined);
  return status?.isDirectory() ?? false;
}

/** Of files such as lists and notes nobody need look at the content. */
const NO_IMAGES = new Set(
  ".txt .csv .json .jsonl .xml .html .md .yaml .yml .db .ini .zip .mat .py".split(" "),
);

/** By its name; by its content where the name does not tell. */
async function isImage({ name, path, kind }: FolderEntry): Promise<boolean> {
  const told = kindOfName(name);
  if (told !== undefined) return told === "image";
  if (kind === "other" || NO_IMAGES.has(extname(name).toLowerCase())) return false;
  const format = sniffFormat(await readStart(path));
  // The beginnings of these are two letters, which a text may have.
  return format !== undefined && format !== "bmp" && format !== "netpbm";
}

async function readStart(path: string): Promise<Uint8Array> {
  const file = await openFile(path).catch(() => undefined);
  if (!file) return new Uint8Array();
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return new Uint8Array();
  } finally {
    await file.close();
  }
}
