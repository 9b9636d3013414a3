import { crc32 } from "node:zlib";
import { openFile } from "../../io/open-file.js";

const HEAD_BYTES = 16 * 1024;
const TAIL_BYTES = 512;

/** A file's beginning and end, which mostly tell whether it is whole and whether it is like another. */
export interface FileEnds {
  bytes: number;
  head: Buffer;
  tail: Buffer;
  /** Of the file itself, which may have several names. */
  identity: string;
  /** Files of other fingerprints have other bytes. */
  fingerprint: string;
}

/** Of an image that is in memory, whole. */
export function endsOf(name: string, image: Uint8Array): FileEnds {
  const head = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const fingerprint = `${head.length} ${crc32(head)}`;
  return { bytes: head.length, head, tail: head.subarray(-TAIL_BYTES), identity: name, fingerprint };
}

/**
 * Reads them.
 * @throws the file system's error, or an Error whose message says that it is no file
 */
export async function readEnds(path: string): Promise<FileEnds> {
  const file = await openFile(path);
  try {
    const { size, dev, ino } = await file.stat();
    const start = Buffer.allocUnsafe(Math.min(size, HEAD_BYTES));
    const head = start.subarray(0, (await file.read(start, 0, start.length, 0)).bytesRead);
    let tail = head.subarray(-TAIL_BYTES);
    if (size > head.length) {
      const end = Buffer.allocUnsafe(TAIL_BYTES);
      tail = end.subarray(0, (await file.read(end, 0, TAIL_BYTES, size - TAIL_BYTES)).bytesRead);
    }
    const fingerprint = `${size} ${crc32(head)} ${crc32(tail)}`;
    return { bytes: size, head, tail, identity: `${dev} ${ino}`, fingerprint };
  } finally {
    await file.close();
  }
}
