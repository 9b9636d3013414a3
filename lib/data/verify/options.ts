import { abortShape, callback, flag, optionsOf } from "../../schema.js";
import { imageLimitShape, type ImageLimitOptions } from "../../image/limits.js";
import { openDatasetShape, type OpenDatasetOptions } from "../open-dataset.js";

/** Options of {@link verifyDataset}. */
export interface VerifyOptions
  extends Pick<OpenDatasetOptions, "kind" | "level" | "allowPartial" | "allowEmpty">, ImageLimitOptions {
  /** Decodes every image to its last pixel. Default false: looks at its header and its end, which tell a file that is cut
   * off, and decodes what is not as usual. */
  full?: boolean;
  signal?: AbortSignal;
  /** Called as the work goes on, with what is done. */
  onProgress?: (step: "checking images" | "looking for duplicates", done: number, total: number) => void;
}

/** {@link VerifyOptions} */
export const verifyOptions = optionsOf<VerifyOptions>({
  ...abortShape,
  ...imageLimitShape,
  kind: openDatasetShape.kind,
  level: openDatasetShape.level,
  allowPartial: openDatasetShape.allowPartial,
  allowEmpty: openDatasetShape.allowEmpty,
  full: flag.optional(),
  onProgress: callback.optional(),
});
