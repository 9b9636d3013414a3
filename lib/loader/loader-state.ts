import { z } from "zod";
import { parse } from "../schema.js";
import type { SkippedImage } from "./bad-images.js";

/** Where a loader is: plain data, for a checkpoint. */
export interface LoaderState {
  /** From 0. */
  epoch: number;
  /** How much of the epoch's order was passed, in samples. */
  position: number;
  seed: number;
  /** The data set's length. */
  samples: number;
  skipped: SkippedImage[];
  /** Images that were read as far as they could be. */
  repaired: SkippedImage[];
}

const count = z.int().min(0);
const images = z.array(z.object({ index: count, path: z.string(), reason: z.string() }));
const schema: z.ZodType<LoaderState> = z.object({
  epoch: count,
  position: count,
  seed: count,
  samples: count,
  skipped: images,
  repaired: images.default([]),
});

/** @throws McLossError ERR_ARGUMENT naming the part at fault */
export function parseLoaderState(state: unknown): LoaderState {
  return parse(schema, state);
}
