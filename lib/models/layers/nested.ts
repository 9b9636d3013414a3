import { z } from "zod";
import type { AnyLayer } from "./definition.js";

let anyLayer: z.ZodType | undefined;

/** Called once by the table of layers, some of which hold others. */
export function layersAre(schema: z.ZodType): void {
  anyLayer = schema;
}

/** A layer of any type. */
export const nestedLayer = z
  .lazy(() => {
    if (!anyLayer) throw new Error("models/layers.ts has not been loaded");
    return anyLayer;
  })
  .meta({ id: "layer" }) as unknown as z.ZodType<AnyLayer>;
