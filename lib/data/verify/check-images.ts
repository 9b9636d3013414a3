import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { throwIfAborted } from "../../abort.js";
import { systemPath } from "../../io/file-name.js";
import { reasonOf } from "../../system-error.js";
import type { Sample } from "../dataset.js";
import { readEncoded } from "../read-encoded.js";
import { prefetch } from "../prefetch.js";
import type { VerifyOptions } from "./verify-dataset.js";

/** An image that is there and cannot be used. */
export interface BadImage {
  path: string;
  reason: string;
}

export interface CheckedImages {
  missing: string[];
  corrupt: BadImage[];
  /** Bytes of each file that can be used. */
  sizes: ReadonlyMap<string, number>;
}

/** Looks at every file once, a few at a time. */
export async function checkImages(
  samples: readonly Sample[],
  { full = false, signal, onProgress }: VerifyOptions,
): Promise<CheckedImages> {
  const missing: string[] = [];
  const corrupt: BadImage[] = [];
  const sizes = new Map<string, number>();
  const check = await imageChecker(full);
  const tasks = samples.map(({ path }) => async () => {
    const bytes = await fileSize(path);
    return { path, bytes, reason: bytes === undefined ? undefined : await check(path, bytes) };
  });
  const waiting = tasks.values();
  const next = () => waiting.next().value;
  let done = 0;
  for await (const { path, bytes, reason } of prefetch(next, 2 * availableParallelism(), () => undefined)) {
    throwIfAborted(signal, "verifying");
    onProgress?.("checking images", (done += 1), samples.length);
    if (bytes === undefined) missing.push(path);
    else if (reason !== undefined) corrupt.push({ path, reason });
    else sizes.set(path, bytes);
  }
  return { missing, corrupt, sizes };
}

async function fileSize(path: string): Promise<number | undefined> {
  const status = await stat(systemPath(path)).catch(() => undefined);
  return status?.isFile() ? status.size : undefined;
}

/** Says what is wrong with an image: its header or, when `full`, any of its pixels. */
async function imageChecker(
  full: boolean,
): Promise<(path: string, bytes: number) => Promise<string | undefined>> {
  const { default: sharp } = await import("sharp");
  return async (path, bytes) => {
    if (bytes === 0) return "the file is empty";
    try {
      const image = sharp(await readEncoded(path), { failOn: "error" });
      if (full) await image.resize(8, 8, { fit: "fill" }).raw().toBuffer();
      else await image.metadata();
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  };
}
