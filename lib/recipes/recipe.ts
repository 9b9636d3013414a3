import { checkPlace, checkRecord } from "../check-argument.js";
import type { BadImagePolicy } from "../loader/bad-images.js";
import type { RecipeSampler } from "./recipe-sampler.js";
import type { CacheKind } from "../loader/cache-kind.js";
import type { ImageLimitOptions } from "../image/limits.js";
import type { AugmentationLevel } from "../image/presets.js";
import type { DatasetKind } from "../data/sets/layout.js";
import type { TransformSpec } from "../image/transforms.js";
import type { Spec } from "../definition.js";
import type { ChannelBlock } from "../loss/channel-groups.js";
import type { Schedule } from "../optim/schedules.js";
import type { networks } from "../models/networks.js";
import type { EarlyStopping } from "../train/early-stopping.js";
import type { Monitor } from "../train/monitor.js";
import type { OptimizerSpec } from "../train/build-optimizer.js";
import type { LossOptions } from "../train/losses.js";
import type { MixingSpec } from "../train/mixings.js";

/** A network by name, with the options of the function that makes it, but without the classes. */
export type RecipeNetwork = Spec<typeof networks>;

/**
 * Everything that a training is, but its images, as plain data. `mcloss recipes default` prints the one that the options
 * of `mcloss train` change.
 */
export interface Recipe extends ImageLimitOptions {
  /** For people and files: "cub200-resnet50". */
  name: string;
  description?: string;
  /** The data set that it is for. */
  dataset: {
    /** The layout. Default: what the files tell. */
    kind?: DatasetKind;
    /** The classes of FGVC-Aircraft. Default "variant". */
    level?: "variant" | "family" | "manufacturer";
    /**
     * Images that the next one is drawn from, where shards are shuffled nearly as they lie. Default: 1000 for shards on a server
     * and for Parquet; anything else is shuffled as a whole.
     */
    shuffleBuffer?: number;
  };
  /** The network and its options; the number of classes comes from the data. */
  network: RecipeNetwork;
  /**
   * A torchvision `.pth` or safetensors file that the network starts from, or "imagenet" or "imagenet-v2", which are
   * torchvision's; see {@link loadWeights}. With a name, images are of the size that those weights were trained on, and go
   * through the same resize and normalisation, where the recipe says no other. Default: none.
   */
  weights?: string;
  /** Where the weights are in a file that holds more, such as "state_dict". Default: found. */
  weightsKey?: string;
  /** What stands before their names, such as "module.". Default: found. */
  weightsPrefix?: string;
  /** Which class owns which feature channels: "split" shares them out (ChannelGroups.split), or blocks of one's own. */
  groups: "split" | readonly ChannelBlock[];
  loss: LossOptions;
  /** Mixes the images of a batch, and their labels; see {@link TrainerOptions}. Default: not. */
  mix?: readonly MixingSpec[];
  transforms: {
    /** What training images go through; a level is resized to the network's input and augmented so much. */
    train: AugmentationLevel | readonly TransformSpec[];
    /** What other images go through; "resize" is to the network's input. */
    test: "resize" | readonly TransformSpec[];
  };
  epochs: number;
  batchSize: number;
  /**
   * Which training images an epoch has: "balanced" has every class as often as the others, "weighted" by the square root of its
   * size, both drawn with replacement; or any sampler as data. Default "shuffle": each once.
   */
  sampler?: RecipeSampler;
  /** Leaves out an epoch's last batch where it is not full and not the only one. */
  dropLast: boolean;
  onBadImage: BadImagePolicy;
  /** Where decoded images are kept for the next epochs; see {@link DataLoaderOptions}. Default: in memory, 512 MiB of them. */
  cache?: CacheKind;
  /** Rates of the backbone and the head are its `groups`, by the parameters' names. */
  optimizer: OptimizerSpec & { type: NonNullable<OptimizerSpec["type"]> };
  /**
   * Whether the optimizer's learning rate is what a range test suggests that is made before the training begins; see
   * {@link Trainer.findRate}. `run.json` has the rate. Default false.
   */
  findRate?: boolean;
  /** Default: cosine after 3 warm-up epochs, or as many as fit. */
  schedule?: Schedule;
  precision: "float32" | "bfloat16" | "float16";
  /** Rounds float32 products on a GPU to TF32; see {@link allowTf32}. Default: as PyTorch, of convolutions alone. */
  tf32?: boolean;
  /** The largest joint L2 norm of the gradients. Default: none. */
  clipNorm?: number;
  /** The largest absolute value of a gradient's element. Default: none. */
  clipValue?: number;
  /** Batches whose gradients are averaged into one update. */
  accumulate: number;
  /** Decay of an average of the weights, which is what is judged and delivered. Default: none. */
  ema?: number;
  /** The figure that epochs are judged by; see {@link TrainerOptions}. Default "accuracy", or "loss" for a plateau of mode "min". */
  monitor?: Monitor;
  /** Ends a training that no longer becomes better; see {@link TrainerOptions}. Default: all epochs are trained. */
  earlyStopping?: EarlyStopping;
  /** Gradual unfreezing: from the epoch on (0 is the start) what the pattern names is trained. Default: all, from 0. */
  unfreeze?: readonly { epoch: number; pattern: string }[];
  onNan: "stop" | "skip";
  /**
   * Measures the channels on the held-out images after every epoch, or after none; see {@link evaluateChannels}. Default:
   * after the last.
   */
  channelHealth?: boolean;
  /** Launches steps on a GPU whole; see {@link TrainerOptions}. Default false. */
  cudaGraph?: boolean;
  /**
   * Whether the processes of a training take their parts of a batch for one batch in batch normalisation, as one process
   * would. Default false: each normalises its part.
   */
  syncBatchNorm?: boolean;
  /** What processes send gradients in: half the bytes, with 8 bits of precision. Default: as they are. */
  gradientCompression?: "bfloat16";
  /** Of all that a training draws: the first weights, the order, the augmentation, the channel masks and dropout. */
  seed: number;
  /** Accuracies that others report for it. */
  published?: readonly PublishedAccuracy[];
  /** Where its values are from, by path ("optimizer.learningRate"); a path stands for all under it. */
  sources?: Readonly<Record<string, Source>>;
}

/**
 * Where a value is from: the paper; the authors' released code; an independent re-implementation; nowhere, so that it is
 * assumed; or whoever changed a recipe.
 */
export type Source = "paper" | "code" | "reimplementation" | "assumed" | "user";

/** A top-1 accuracy that someone reports. */
export interface PublishedAccuracy {
  /** With MC-Loss or with cross-entropy alone. */
  loss: "mc" | "ce";
  /** From 0 to 1. */
  accuracy: number;
  /** "code" is the log of the authors' run. */
  source: "paper" | "code" | "reimplementation";
  /** Which epoch's it is, where that is known: the best on the test images is no honest selection. Default: not known. */
  epoch?: "best" | "last";
  /** Whether it was read where it was published, rather than recalled or quoted. */
  verified: boolean;
  note?: string;
}

/** Who reports an accuracy, in words. */
export const PUBLISHERS: Readonly<Record<PublishedAccuracy["source"], string>> = {
  paper: "the paper",
  code: "the authors' log",
  reimplementation: "a re-implementation",
};

/** Where the value at `path` is from: what is said of the path itself, or of the nearest one around it. */
export function sourceOf(recipe: Recipe, path: string): Source | undefined {
  checkRecord("recipe", recipe, "a recipe");
  checkPlace("path", path);
  const { sources = {} } = recipe;
  for (let around = path; around !== ""; around = around.replace(/[.[]?[^.[]*$/, "")) {
    const source = sources[around];
    if (source) return source;
  }
  return undefined;
}
