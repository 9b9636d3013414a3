import { createHash } from "node:crypto";
import type { FilledSpec } from "../definition.js";
import type { ImageLimitOptions } from "../image/limits.js";
import type { TransformSpec } from "../image/transforms.js";
import { isRecord } from "../plain-data.js";
import type { Precision } from "../tensor/precision.js";
import type { BadImagePolicy } from "./bad-images.js";
import type { allSamplers } from "./sampler.js";

/** What decides which batches a loader yields, as plain data for `run.json`. */
export interface LoaderDescription extends ImageLimitOptions {
  /** Images of the data set. */
  samples: number;
  batchSize: number;
  dropLast: boolean;
  /** Complete; of a list longer than 100, such as the weights of a `weighted` one, the SHA-256. */
  sampler: Readonly<Record<string, unknown>>;
  /** Complete. */
  transforms: readonly TransformSpec[];
  /** Its own; absent where it takes that of the trainer. */
  seed?: number;
  onBadImage: BadImagePolicy;
  dtype: Precision;
}

const LONGEST_LIST = 100;

/** A sampler, with the SHA-256 of each long list in its place. */
export function describeSampler(sampler: FilledSpec<typeof allSamplers>): LoaderDescription["sampler"] {
  return digested(sampler) as LoaderDescription["sampler"];
}

function digested(value: unknown): unknown {
  if (Array.isArray(value)) return value.length > LONGEST_LIST ? digestOf(value) : value;
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, digested(inner)]));
}

function digestOf(list: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(list)).digest("hex");
}
