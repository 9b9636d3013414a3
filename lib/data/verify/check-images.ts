import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { throwIfAborted } from "../../abort.js";
import { hashFile } from "../../io/hash-file.js";
import { reasonOf } from "../../system-error.js";
import type { Box, Sample } from "../dataset.js";
import { chooseLimits, TRAINING_LIMITS, type ImageLimits } from "../../image/limits.js";
import type { Size } from "../../image/geometry.js";
import { mapAhead } from "../../prefetch.js";
import { inspectEnds } from "./inspect-ends.js";
import { endsOf, readEnds, type FileEnds } from "./read-ends.js";
import { problemOf, storedSize } from "./training-image.js";
import type { VerifyOptions } from "./options.js";

/** An image that is there and cannot be used. */
export interface BadImage {
  path: string;
  reason: string;
}

/** What tells files that may have the same bytes from others. */
export interface FileFacts extends Pick<FileEnds, "identity" | "fingerprint"> {
  /** The SHA-256 of all its bytes. */
  hash(): Promise<string>;
}

export interface CheckedImages {
  missing: string[];
  corrupt: BadImage[];
  /** Boxes that reach past their image, in words. */
  boxes: string[];
  /** Of each file that can be used. */
  files: ReadonlyMap<string, FileFacts>;
}

type Verdict =
  | { kind: "missing" }
  | { kind: "bad"; reason: string }
  /** What is decoded alone, to see. */
  | { kind: "doubtful"; facts: FileFacts }
  | { kind: "good"; facts: FileFacts; size: Size };

/**
 * Looks at every file once, a few at a time: without `full` at its header and its end, and what is not as usual is
 * decoded. What cannot be decoded is decoded again alone: libvips keeps what it says of all images in one place.
 */
export async function checkImages(
  samples: readonly Sample[],
  { full = false, signal, onProgress, ...given }: VerifyOptions,
): Promise<CheckedImages> {
  const limits = chooseLimits(given, TRAINING_LIMITS);
  const missing: string[] = [];
  const boxes: string[] = [];
  const reasons = new Map<string, string>();
  const files = new Map<string, FileFacts>();
  const doubtful: Sample[] = [];
  const checkBox = ({ path, box }: Sample, size: Size | undefined) => {
    if (box && size && reachesPast(box, size)) boxes.push(describeBox(path, box, size));
  };
  const judged = async (sample: Sample) => ({ sample, verdict: await judge(sample, limits, full) });
  let done = 0;
  for await (const { sample, verdict } of mapAhead(samples, 2 * availableParallelism(), judged)) {
    throwIfAborted(signal, "verifying");
    onProgress?.("checking images", (done += 1), samples.length);
    const { path } = sample;
    if (verdict.kind === "missing") missing.push(path);
    else if (verdict.kind === "bad") reasons.set(path, verdict.reason);
    else {
      files.set(path, verdict.facts);
      if (verdict.kind === "doubtful") doubtful.push(sample);
      else checkBox(sample, verdict.size);
    }
  }
  for (const sample of doubtful) {
    throwIfAborted(signal, "verifying");
    const { path } = sample;
    const reason = await problemOf(sample, limits);
    if (reason === undefined) checkBox(sample, sample.box && (await storedSize(sample, limits)));
    else {
      reasons.set(path, reason);
      files.delete(path);
    }
  }
  const corrupt = samples.flatMap(({ path }) => {
    const reason = reasons.get(path);
    return reason === undefined ? [] : [{ path, reason }];
  });
  return { missing, corrupt, boxes, files };
}

/** What is larger is held against the limits, and where these are lower all is. */
const FREE_PIXELS = 2 ** 24;
const FREE_SIDE = 2 ** 14;
const FREE_BYTES = TRAINING_LIMITS.limitInputBytes;

async function judge(listed: Sample, limits: ImageLimits, full: boolean): Promise<Verdict> {
  const { path, source = path } = listed;
  if (typeof source === "string") {
    const ends = await readEnds(source).catch((error: unknown) => verdictOf(error));
    return "kind" in ends ? ends : judgeEnds(listed, ends, () => hashFile(source), limits, full);
  }
  // What it comes from is asked once for all that is looked at.
  const image = typeof source === "function" ? await source() : source;
  const hash = async () => {
    const bytes = typeof source === "function" ? await source() : source;
    return createHash("sha256").update(bytes).digest("hex");
  };
  return judgeEnds({ ...listed, source: image }, endsOf(path, image), hash, limits, full);
}

async function judgeEnds(
  sample: Sample,
  ends: FileEnds,
  hash: () => Promise<string>,
  limits: ImageLimits,
  full: boolean,
): Promise<Verdict> {
  const { bytes, identity, fingerprint } = ends;
  if (bytes === 0) return { kind: "bad", reason: "the file is empty" };
  const facts = { identity, fingerprint, hash };
  const size = await sizeOf(sample, ends, limits).catch(() => undefined);
  if (size === undefined) return { kind: "doubtful", facts };
  const whole = !full || (await problemOf(sample, limits)) === undefined;
  return whole ? { kind: "good", facts, size } : { kind: "doubtful", facts };
}

const ABSENT = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

function verdictOf(error: unknown): Verdict {
  const { code = "" } = error as NodeJS.ErrnoException;
  return ABSENT.has(code) ? { kind: "missing" } : { kind: "bad", reason: reasonOf(error) };
}

/** Undefined where the image has to be decoded to see. */
async function sizeOf(sample: Sample, ends: FileEnds, limits: ImageLimits): Promise<Size | undefined> {
  const { path, source } = sample;
  const inspection = await inspectEnds(typeof source === "string" ? source : path, ends);
  if (inspection.kind === "doubtful") return undefined;
  if (inspection.kind === "other format") return storedSize(sample, limits);
  return isUsual(inspection.size, limits) ? inspection.size : storedSize(sample, limits);
}

function isUsual({ height, width }: Size, limits: ImageLimits): boolean {
  const { limitInputBytes, limitInputPixels, limitInputSide } = limits;
  return (
    limitInputBytes >= FREE_BYTES &&
    height * width <= Math.min(FREE_PIXELS, limitInputPixels) &&
    Math.max(height, width) <= Math.min(FREE_SIDE, limitInputSide)
  );
}

function reachesPast(box: Box, size: Size): boolean {
  return box.x < 0 || box.y < 0 || box.x + box.width > size.width || box.y + box.height > size.height;
}

function describeBox(path: string, { x, y, width, height }: Box, size: Size): string {
  return `${path}: its box, ${width} × ${height} at ${x}, ${y}, reaches past its ${size.width} × ${size.height} pixels`;
}
