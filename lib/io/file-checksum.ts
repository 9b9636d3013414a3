import { read, write } from "node:fs";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { throwIfAborted } from "../abort.js";
import type { AbortOptions } from "../native/abortable.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";

/**
 * Names the CRC-32 in a safetensors file's metadata. It counts only as the first thing in the header, where the writers of
 * others, which sort or shuffle the metadata that they copy, do not put it.
 */
export const CHECKSUM_KEY = "whole-file-crc32";

/** Where the file's header text begins when it has a checksum. */
export const CHECKSUM_START = `{"__metadata__":{"${CHECKSUM_KEY}":"`;

/** Stands for the checksum while it is computed. */
export const NO_CHECKSUM = "00000000";

const LENGTH_BYTES = 8;
/** Where it lies in the file. */
const CHECKSUM_POSITION = LENGTH_BYTES + CHECKSUM_START.length;
const CHUNK_BYTES = 2 ** 20;

/** Completes a file that was written with zeros for its checksum. */
export async function writeChecksum(
  path: string,
  descriptor: number,
  { signal }: AbortOptions,
): Promise<void> {
  const proceed = () => throwIfAborted(signal, `writing ${path}`);
  const checksum = Buffer.from(await computeChecksum(descriptor, proceed));
  await promisify(write)(descriptor, checksum, 0, checksum.length, CHECKSUM_POSITION);
}

const MOST_DAMAGED = 4;

/** Whether a header has no checksum and begins nearly as those that have one: the beginning itself is damaged. */
export function isChecksumDamaged(header: string): boolean {
  if (header.length < CHECKSUM_START.length) return false;
  const others = CHECKSUM_START.split("").filter((character, at) => header[at] !== character).length;
  return others > 0 && others <= MOST_DAMAGED;
}

/**
 * @param required whether a file without a checksum is an error too
 * @throws McLossError ERR_CHECKPOINT where the file's bytes are not those that `checksum`, its own, was made of; ERR_ABORTED
 */
export async function verifyChecksum(
  file: CheckpointFile,
  checksum: string | undefined,
  { signal, required = false }: AbortOptions & { required?: boolean } = {},
): Promise<void> {
  if (checksum === undefined) {
    if (!required) return;
    const why = "what a run writes has one, so this is damaged or was written by another program";
    throw unreadable(file.path, `has no checksum (${why}): bring it back from a copy`);
  }
  const proceed = () => throwIfAborted(signal, `reading ${file.path}`);
  const found = await computeChecksum(file.handle.fd, proceed);
  if (found === checksum) return;
  const sums = `its CRC-32 is ${found}, and ${checksum} was written`;
  const advice = `copy it again, or use another; whoever changed it on purpose removes ${CHECKSUM_KEY} from its metadata`;
  throw unreadable(file.path, `is damaged (${sums}): ${advice}`);
}

/** The CRC-32 of a file, 8 hexadecimal digits, with zeros for those that the file has for it. */
async function computeChecksum(descriptor: number, proceed: () => void): Promise<string> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let sum = 0;
  for (let position = 0; ;) {
    proceed();
    const { bytesRead } = await promisify(read)(descriptor, buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return sum.toString(16).padStart(NO_CHECKSUM.length, "0");
    const chunk = buffer.subarray(0, bytesRead);
    hideChecksum(chunk, position);
    sum = crc32(chunk, sum);
    position += bytesRead;
  }
}

function hideChecksum(chunk: Buffer, position: number): void {
  for (let i = 0; i < NO_CHECKSUM.length; i += 1) {
    const at = CHECKSUM_POSITION + i - position;
    if (at >= 0 && at < chunk.length) chunk[at] = NO_CHECKSUM.charCodeAt(i);
  }
}
