import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { McLossError } from "../../errors.js";
import { reasonOf } from "../../system-error.js";
import { compressionOf } from "./decompress.js";
import { openFile } from "../../io/open-file.js";
import { EntryPolicy, type UnpackOptions } from "./entry-policy.js";

/**
 * Unpacks a .tar, .tgz, .tar.bz2, .tar.xz or .zip into `folder`, which must be new: its files and folders, nothing else. A
 * MATLAB file is copied: some sets are published as archives and such files. The content tells which it is.
 * @throws McLossError ERR_DATASET for an archive that is damaged or refused (see EntryPolicy), ERR_IO where it cannot be
 *   written, ERR_ABORTED. What is in `folder` then must be removed.
 */
export async function unpack(archive: string, folder: string, options: UnpackOptions = {}): Promise<void> {
  const { start, size } = await readStart(archive);
  const policy = new EntryPolicy(archive, size, options.limits);
  const compression = compressionOf(start);
  try {
    if (start.subarray(0, 2).toString("latin1") === "PK") {
      const { unpackZip } = await import("./unpack-zip.js");
      await unpackZip(archive, folder, policy, options);
    } else if (compression !== "none" || isTar(start)) {
      const { unpackTar } = await import("./unpack-tar.js");
      await unpackTar(archive, compression, folder, policy, options);
    } else if (start.toString("latin1", 0, 6) === "MATLAB") {
      await copyFile(archive, join(folder, basename(archive)));
    } else throw unknownFormat(archive);
  } catch (cause) {
    throw explain(archive, cause, options.signal);
  }
}

const WRITING = new Set(["EFBIG", "EROFS", "EACCES", "EPERM", "EMFILE", "EIO"]);

function explain(archive: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (cause instanceof McLossError) return cause;
  if (signal?.aborted) return new McLossError("ERR_ABORTED", "preparing was interrupted", { cause });
  const { code = "", message } = cause as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const text = `the disk is full: ${archive} was not unpacked, and nothing of it was kept; free space, or give another --out`;
    return new McLossError("ERR_IO", text, { path: archive, cause });
  }
  if (WRITING.has(code)) {
    return new McLossError("ERR_IO", `cannot unpack ${archive} (${message})`, { path: archive, cause });
  }
  const text = `${archive} is damaged (${message}): download it again`;
  return new McLossError("ERR_DATASET", text, { path: archive, cause });
}

async function readStart(archive: string): Promise<{ start: Buffer; size: number }> {
  try {
    const file = await openFile(archive);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
      return { start: buffer.subarray(0, bytesRead), size: (await file.stat()).size };
    } finally {
      await file.close();
    }
  } catch (cause) {
    const text = `cannot read the archive ${archive} (${reasonOf(cause)}): check the path`;
    throw new McLossError("ERR_DATASET", text, { path: archive, cause });
  }
}

function isTar(start: Buffer): boolean {
  return start.toString("latin1", 257, 262) === "ustar";
}

function unknownFormat(archive: string): McLossError {
  const text = `${archive} is no archive that can be unpacked: give a .tar, .tgz (.tar.gz), .tar.bz2, .tar.xz or .zip, or a published .mat file`;
  return new McLossError("ERR_DATASET", text, { path: archive });
}
