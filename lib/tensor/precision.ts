import { z } from "zod";
import { invalidArgument } from "../errors.js";
import type { Dtype } from "../native/dtype.js";
import { shown } from "../shown.js";

/** What forward passes compute in; weights stay as they are (torch.autocast). */
export type Precision = "float32" | "bfloat16" | "float16";

const PRECISIONS: readonly string[] = ["float32", "bfloat16", "float16"] satisfies Precision[];

/** The dtype of autocast; undefined where nothing is cast. */
export function autocastOf(precision: Precision = "float32"): Dtype | undefined {
  if (!PRECISIONS.includes(precision)) {
    const text = `must be "float32", "bfloat16" or "float16", got ${shown(precision)}`;
    throw invalidArgument("precision", text);
  }
  return precision === "float32" ? undefined : precision;
}

/** {@link Precision} */
export const precisionSchema = z.enum(["float32", "bfloat16", "float16"]);
