import { z } from "zod";
import { stateDictShape, type LoadStateDictOptions } from "../io/state-file.js";
import type { AbortOptions } from "../native/abortable.js";
import { abortShape, flag, index, optionsOf } from "../schema.js";
import { precisionSchema, type Precision } from "../tensor/precision.js";
import { modelInfoOptions, type ModelInfo } from "./info.js";

/** Options of new {@link Model}. */
export interface NewModelOptions {
  /** Of the initial weights. Default: that of the {@link Trainer} that needs them first, or else 0. */
  seed?: number;
  /** Class names and normalisation, which travel in checkpoints. */
  info?: ModelInfo;
}

/** Options of {@link Model.forward}. */
export interface ForwardOptions<Tap extends string = string> extends AbortOptions {
  /**
   * Dotted names of layers whose outputs are wanted too ("layer3.0.conv1"); inside TorchScript, of submodules and methods.
   * Of a layer that runs several times it is the last output. Default: none.
   */
  taps?: readonly Tap[];
  /** Whether batch normalisation and dropout behave as in training. Default: as train() and eval() have set it. */
  training?: boolean;
  /** What it computes in. Default "float32". */
  precision?: Precision;
}

/** Options of {@link Model.freezeForInference}. */
export interface FreezeOptions extends AbortOptions {
  /** What is computed in later, as in {@link Model.forward}. Default "float32". */
  precision?: Precision;
}

/** Options of {@link Model.load}. */
export interface LoadOptions extends LoadStateDictOptions {
  /** Whether names and shapes must be the same. Default: true. */
  strict?: boolean;
}

/** Options of {@link Model.fromJSON}. */
export interface FromJsonOptions {
  /** Of the initial weights, as of {@link NewModelOptions}. */
  seed?: number;
  /** Whether TorchScript in it, which is code, may run. Default false: it is an error. */
  trustCode?: boolean;
}

export const newModelOptions = optionsOf<NewModelOptions>({
  seed: index.optional(),
  info: modelInfoOptions.optional(),
});
export const forwardOptions = optionsOf<ForwardOptions>({
  precision: precisionSchema.optional(),
  taps: z.array(z.string()).readonly().optional(),
  training: flag.optional(),
  ...abortShape,
});
export const freezeOptions = optionsOf<FreezeOptions>({
  precision: precisionSchema.optional(),
  ...abortShape,
});
export const loadOptions = optionsOf<LoadOptions>({ ...stateDictShape, strict: flag.optional() });
export const loadStateDictOptions = optionsOf<{ strict?: boolean }>({ strict: flag.optional() });
export const fromJsonOptions = optionsOf<FromJsonOptions>({
  seed: index.optional(),
  trustCode: flag.optional(),
});
