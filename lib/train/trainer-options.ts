import type { DataLoader } from "../loader/data-loader.js";
import { z } from "zod";
import { invalidArgument } from "../errors.js";
import type { Model } from "../models/model.js";
import { namePattern } from "../models/names.js";
import { ProcessGroup } from "../distributed/process-group.js";
import { checkSchedule, defaultSchedule } from "../optim/schedule.js";
import { schedules, type Schedule } from "../optim/schedules.js";
import {
  abortShape,
  count,
  decay,
  flag,
  index,
  instanceOf,
  like,
  optionsOf,
  parseOptions,
  text,
  type Shape,
} from "../schema.js";
import { modelOptimizers, type OptimizerSpec } from "./build-optimizer.js";
import { DEFAULT_EPOCHS, DEFAULT_OPTIMIZER } from "./defaults.js";
import { completeLoss, lossSchema, type LossOptions } from "./losses.js";
import { checkMixable } from "./check-mixing.js";
import { filledMixingList, mixingList, type MixingSpec } from "./mixings.js";
import { precisionSchema, type Precision } from "../tensor/precision.js";
import { isRecord } from "../plain-data.js";
import { earlyStopping, type EarlyStopping } from "./early-stopping.js";
import { MONITORS, resolveJudgement, type Monitor } from "./monitor.js";
import type { UnfreezeRule } from "./unfreeze.js";

/** Options of a Trainer. */
export interface TrainerOptions {
  /** Default 100. */
  epochs?: number;
  /** Default: MC-Loss with α 1.5 and β 20, as the released code; `mcloss train` takes β 1. */
  loss?: LossOptions;
  /**
   * Mixes the images of a batch, and their labels (mixup, CutMix): each batch in one of these ways, drawn by `seed`, epoch and
   * step. What is told of a step is then of the mixed images; its accuracy counts predictions of the class that an image has
   * most of. Default: images stay what they are.
   */
  mix?: readonly MixingSpec[];
  /** Default: SGD with learning rate 0.05, Nesterov momentum 0.9 and weight decay 5e-4. */
  optimizer?: OptimizerSpec;
  /** Default: cosine after 3 warm-up epochs, or as many as fit. */
  schedule?: Schedule;
  /**
   * What forward and backward compute in (torch.autocast); the weights stay float32. "float16" brings a
   * {@link GradScaler}. Default "float32".
   */
  precision?: Precision;
  /** The largest joint L2 norm of the gradients. Default: none. */
  clipNorm?: number;
  /** The largest absolute value of a gradient's element. Default: none. */
  clipValue?: number;
  /** Batches whose gradients are averaged into one update. Default 1. */
  accumulate?: number;
  /** Decay of an average of the weights, which is what is judged and delivered; see {@link EMA}. Default: none. */
  ema?: number;
  /**
   * The figure that epochs are judged by: a plateau waits for it, and the best checkpoint is that of the epoch with the best
   * one on the held-out images ("train.accuracy" and "train.loss" steer a plateau alone: there is no best then). Default
   * "accuracy", or "loss" for a plateau of mode "min".
   */
  monitor?: Monitor;
  /**
   * Ends the run once the monitored figure has not become better for so many epochs, and leaves the model with the weights of
   * the best epoch on the held-out images, whether the run ended early or not. Default: all epochs are trained.
   */
  earlyStopping?: EarlyStopping;
  /** Gradual unfreezing: what no rule has reached yet stays as it is. Default: all is trained from the start. */
  unfreeze?: readonly UnfreezeRule[];
  /**
   * What a loss that is not finite does: "stop" (default) with ERR_NAN_LOSS, or "skip" the update that the batch has a
   * part in and count it.
   */
  onNan?: "stop" | "skip";
  /**
   * Every how many steps the metrics are read, so that a GPU works on without waiting for the host. It changes when steps
   * are told and not what is told of them, nor the weights. Default 1 on the CPU, where nothing waits, and 10 elsewhere.
   */
  metricsEvery?: number;
  /** {@link allowTf32}, for the whole process from fit() on. Default: as it is. */
  tf32?: boolean;
  /**
   * Whether steps on a GPU are launched whole, as a CUDA graph, rather than kernel by kernel. Where that cannot be, a
   * {@link NoticeEvent} says why. Default false.
   */
  cudaGraph?: boolean;
  /**
   * The processes that train together, each on its part of every batch; see {@link initProcessGroup}. Each of them has a
   * trainer with the same options and a loader with `samplers.distributed(group.rank, group.worldSize)`. Rank 0 alone
   * writes. Default: this process alone.
   */
  group?: ProcessGroup;
  /**
   * Whether batch normalisation takes the parts of all processes for one batch (torch.nn.SyncBatchNorm), as one process
   * would. Otherwise each normalises its part, and the running statistics are the mean. Default false.
   */
  syncBatchNorm?: boolean;
  /** What gradients are sent in: half the bytes, with 8 bits of precision. Default: as they are. */
  gradientCompression?: "bfloat16";
  /**
   * Looks after every update whether all processes have the same weights and other state, bit for bit, and fails where they
   * have not. It takes longer than the update. Default false.
   */
  checkReplicas?: boolean;
  /**
   * Of all that a run draws: the channel masks, the dropout and whatever else LibTorch draws (fit() begins a run with
   * {@link manualSeed}), the order and augmentation of a loader that was given no seed of its own, and the first weights of
   * such a model, if nothing has needed them before (as moving it to a GPU does). Default 0.
   */
  seed?: number;
  /**
   * The run's folder, for `run.json` (what was asked for, and by which versions), `metrics.jsonl` (a line an epoch) and
   * `checkpoints/{last,best}.safetensors`. One training at a time has it. Default: nothing is written.
   */
  output?: string;
  /** Whether a run that `output` holds already is deleted when a new one begins. Default false: that is an error. */
  overwrite?: boolean;
  /** What else belongs in `run.json`, such as the data and the command. */
  about?: Readonly<Record<string, unknown>>;
}

/** Options of Trainer.fit(). */
export interface FitOptions {
  /** Evaluated after every `validateEvery` epochs and after the last. */
  validation?: DataLoader;
  /** Default 1. */
  validateEvery?: number;
  /**
   * Measures the channels on the validation images too, as `channels` of the epoch's event and of its line in
   * `metrics.jsonl`: after every epoch that is validated, or after none. It takes a second forward pass. Default: after the
   * last epoch, where there are validation images and channel groups.
   */
  channelHealth?: boolean;
  /** Stops after the running step, in validation too, writes the last checkpoint, and throws ERR_ABORTED. */
  signal?: AbortSignal;
  /**
   * Goes on from the run in `output`, exactly: on the CPU with the weights that an uninterrupted run would have. Give
   * the same options, and a loader of the same batch size, sampler and transforms; other `epochs`, `schedule`, `earlyStopping`,
   * `optimizer.learningRate`, `clipNorm`, `clipValue`, `onNan`, `metricsEvery`, `tf32` and `cudaGraph` are taken up, and
   * told in `run.json`. A run that ended before its first checkpoint begins anew. Default false: a new run.
   */
  resume?: boolean;
}

/** Options of a Trainer with the defaults of what a run depends on. */
export type CompleteTrainerOptions = TrainerOptions &
  Required<
    Pick<
      TrainerOptions,
      "epochs" | "loss" | "optimizer" | "schedule" | "precision" | "accumulate" | "monitor" | "onNan" | "seed"
    >
  >;

const trainerOptions = optionsOf<TrainerOptions>({
  epochs: count.optional(),
  loss: lossSchema.optional(),
  mix: mixingList.optional(),
  optimizer: modelOptimizers.given.optional(),
  schedule: schedules.given.optional(),
  precision: precisionSchema.optional(),
  clipNorm: z.number().gt(0).optional(),
  clipValue: z.number().gt(0).optional(),
  accumulate: count.optional(),
  ema: decay.optional(),
  monitor: z.enum(MONITORS).optional(),
  earlyStopping: earlyStopping.optional(),
  unfreeze: z
    .array(z.strictObject({ epoch: index, pattern: namePattern } satisfies Shape<UnfreezeRule>))
    .readonly()
    .optional(),
  onNan: z.enum(["stop", "skip"]).optional(),
  metricsEvery: count.optional(),
  tf32: flag.optional(),
  cudaGraph: flag.optional(),
  group: instanceOf<ProcessGroup>(ProcessGroup, "what initProcessGroup() gives").optional(),
  syncBatchNorm: flag.optional(),
  gradientCompression: z.enum(["bfloat16"]).optional(),
  checkReplicas: flag.optional(),
  seed: index.optional(),
  output: text.optional(),
  overwrite: flag.optional(),
  about: z.record(z.string(), z.unknown()).readonly().optional(),
});

const DEFAULTS = {
  precision: "float32",
  accumulate: 1,
  onNan: "stop",
  seed: 0,
  cudaGraph: false,
} as const satisfies TrainerOptions;

/** @throws McLossError ERR_ARGUMENT naming the option */
export function completeTrainerOptions(given: TrainerOptions): CompleteTrainerOptions {
  const options = parseOptions(trainerOptions, given);
  checkGroup(options);
  const { epochs = DEFAULT_EPOCHS, optimizer = DEFAULT_OPTIMIZER } = options;
  const judgement = resolveJudgement(options.monitor, options.schedule ?? defaultSchedule(epochs));
  checkSchedule(judgement.schedule, epochs);
  const loss = completeLoss(options.loss ?? {});
  if (options.mix) checkMixable(loss);
  return {
    ...DEFAULTS,
    ...options,
    epochs,
    loss,
    mix: options.mix && filledMixingList.parse(options.mix),
    optimizer: parseOptions(modelOptimizers.filled, optimizer, "optimizer"),
    monitor: judgement.monitor,
    schedule: parseOptions(schedules.filled, judgement.schedule, "schedule"),
  };
}

function checkGroup({ group, ...options }: TrainerOptions): void {
  if (group) return;
  const alone = (["syncBatchNorm", "gradientCompression", "checkReplicas"] as const).find(
    (name) => options[name],
  );
  if (alone) throw invalidArgument(alone, "needs the option group: await initProcessGroup()");
}

/**
 * Options that `run.json` has, with the defaults that they were written without. What this version does not take is as it is;
 * JSON's null is an option that was not given.
 */
export function completeRecordedOptions(
  recorded: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const given = withoutNull(recorded) as Record<string, unknown>;
  // Each by itself: what one has that is not known leaves the others as they are.
  const parts = ["optimizer", "schedule", "loss"] as const;
  const complete = parts.map((part) => {
    const { epochs, monitor, [part]: value } = given;
    const judged = part === "schedule" ? { epochs, monitor } : { epochs };
    return [part, tryComplete({ ...judged, [part]: value })?.[part] ?? value] as const;
  });
  const { epochs, monitor, schedule } = given;
  const judged = tryComplete({ epochs, monitor, schedule });
  const all = {
    ...DEFAULTS,
    epochs: DEFAULT_EPOCHS,
    monitor: judged?.monitor,
    ...given,
  };
  return withoutNull({ ...all, ...Object.fromEntries(complete) }) as Record<string, unknown>;
}

function tryComplete(options: Readonly<Record<string, unknown>>): CompleteTrainerOptions | undefined {
  try {
    return completeTrainerOptions(options);
  } catch {
    return undefined;
  }
}

function withoutNull(data: unknown): unknown {
  if (!isRecord(data)) return data;
  const given = Object.entries(data).filter(([, value]) => (value ?? null) !== null);
  return Object.fromEntries(given.map(([key, value]) => [key, withoutNull(value)]));
}

const loader = like<DataLoader>(
  "a DataLoader",
  (value) => typeof value === "object" && value !== null && Symbol.asyncIterator in value,
);

/** {@link FitOptions} */
export const fitOptions = optionsOf<FitOptions>({
  validation: loader.optional(),
  validateEvery: count.optional(),
  channelHealth: flag.optional(),
  ...abortShape,
  resume: flag.optional(),
});

/** @throws McLossError ERR_ARGUMENT where the channels' health is asked for and cannot be measured */
export function checkChannelHealth({ groups, spec }: Model, { channelHealth, validation }: FitOptions): void {
  if (!channelHealth) return;
  if (!validation) throw invalidArgument("channelHealth", "needs the option validation");
  if (!groups) throw invalidArgument("channelHealth", `needs channel groups, and ${spec.name} has none`);
}
