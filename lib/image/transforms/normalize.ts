import { z } from "zod";
import { checkRecord } from "../../check-argument.js";
import { rgb } from "../transform-options.js";
import { defineNormalize, make, type Made, type OptionsOf } from "../transform.js";

const definition = defineNormalize({
  name: "normalize",
  stage: "normalize",
  summary: "(value − mean) / std on values in [0, 1] (torchvision ToTensor and Normalize)",
  options: {
    /** Of each channel. */
    mean: rgb(z.number()).default([0.5, 0.5, 0.5]),
    /** Of each channel. */
    std: rgb(z.number().min(1e-6)).default([0.5, 0.5, 0.5]),
  },
});

/** What {@link normalize} makes. */
export type NormalizeSpec = Made<typeof definition>;

/** (value − mean) / std on values in [0, 1] (torchvision ToTensor and Normalize). Default 0.5, as the released code. */
export function normalize(options: OptionsOf<typeof definition> = {}): NormalizeSpec {
  checkRecord("options", options, "an object: { mean, std }");
  const { mean, std } = options;
  return make(definition, { mean, std });
}
/** @internal */
normalize.definition = definition;
