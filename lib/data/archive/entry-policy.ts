import { McLossError } from "../../errors.js";
import { hasControlCharacters } from "../sets/paths.js";

/** What an archive says of an entry. */
export interface EntryInfo {
  name: string;
  type: "file" | "folder" | "other";
  bytes: number;
}

/** How large an archive may be, unpacked. */
export interface ArchiveLimits {
  /** Default 1,000,000. */
  entries?: number;
  /** Unpacked bytes. Default 1 GiB and 100 times the archive's: photographs hardly shrink. */
  bytes?: number;
}

/** How an archive is unpacked. */
export interface UnpackOptions {
  limits?: ArchiveLimits;
  signal?: AbortSignal;
  /** Called with how many bytes of the archive were read since the last call. */
  onBytes?: (count: number) => void;
}

const MOST_ENTRIES = 1_000_000;
const FREE_BYTES = 2 ** 30;
const MOST_RATIO = 100;
const MOST_NAME_BYTES = 1024;
const MOST_DEPTH = 32;
/** What a tar may hold beside its files: padding after its end, and headers. */
const MOST_PADDING = 64 * 2 ** 20;
const MOST_HEADER_BYTES = 4096;

/** Decides on the entries of one archive, in order: true unpacks one, false leaves it out, an error refuses all. */
export class EntryPolicy {
  readonly #archive: string;
  readonly #mostEntries: number;
  readonly #mostBytes: number;
  #entries = 0;
  #bytes = 0;
  #passed = 0;

  constructor(archive: string, archiveBytes: number, limits: ArchiveLimits = {}) {
    this.#archive = archive;
    this.#mostEntries = limits.entries ?? MOST_ENTRIES;
    this.#mostBytes = limits.bytes ?? FREE_BYTES + MOST_RATIO * archiveBytes;
  }

  /** @throws McLossError ERR_DATASET for a name that leads out, a link or device, or too much of anything */
  admit({ name, type, bytes }: EntryInfo): boolean {
    this.#entries += 1;
    this.#bytes += bytes;
    if (this.#entries > this.#mostEntries)
      throw this.#refuse(`it has more than ${this.#mostEntries} entries`);
    if (this.#bytes > this.#mostBytes) throw this.#refuse(`it unpacks to more than ${this.#mostBytes} bytes`);
    const problem = nameProblem(name);
    if (problem) throw this.#refuse(`its entry ${JSON.stringify(name.slice(0, 200))} ${problem}`);
    if (type === "other")
      throw this.#refuse(`its entry ${name} is a link or a device: only files and folders are taken`);
    return type === "file" && !isMacResidue(name);
  }

  /**
   * Counts the bytes of a tar as they pass, in their decompressed form.
   * @throws McLossError ERR_DATASET where there are far more than its entries account for
   */
  pass(bytes: number): void {
    this.#passed += bytes;
    const most = this.#bytes + MOST_HEADER_BYTES * this.#entries + MOST_PADDING;
    if (this.#passed > most) throw this.#refuse("it holds far more than its files");
  }

  #refuse(problem: string): McLossError {
    const text = `${this.#archive} is refused: ${problem}. Nothing of it was kept; download it again from its publisher`;
    return new McLossError("ERR_DATASET", text, { path: this.#archive });
  }
}

function nameProblem(name: string): string | undefined {
  const parts = name.split("/");
  if (name === "" || hasControlCharacters(name) || name.includes("\\")) return "has no usable name";
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name) || parts.includes(".."))
    return "leads out of the folder";
  if (parts.length > MOST_DEPTH || Buffer.byteLength(name) > MOST_NAME_BYTES) return "has too long a name";
  return undefined;
}

/** What macOS puts into archives beside the files. */
function isMacResidue(name: string): boolean {
  return name.split("/").some((part) => part === "__MACOSX" || part === ".DS_Store" || part.startsWith("._"));
}
