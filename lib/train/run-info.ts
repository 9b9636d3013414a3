import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { invalidArgument, McLossError } from "../errors.js";
import { readRunInfo, runFiles } from "../io/run-files.js";
import type { Model } from "../models/model.js";
import { native } from "../native/binding.js";
import { PACKAGE_VERSION } from "../package-version.js";
import { flatten } from "../plain-data.js";
import { recordJson } from "../record-json.js";
import { reasonOf } from "../system-error.js";
import { DEFAULT_OPTIMIZER } from "./defaults.js";
import { completeLoss } from "./objective.js";
import type { TrainerOptions } from "./trainer-options.js";

/** What `run.json` says of a run. */
export interface RunInfo {
  format: 1;
  /** ISO 8601 */
  started: string;
  versions: { package: string; node: string; libtorch: string };
  platform: string;
  /** LibTorch's threads. */
  threads: number;
  model: { name: string; classes: number };
  /** The run's own, absolute, when it began: what is beside it is found from here when both have moved. */
  folder: string;
  /** Of the trainer, with their defaults, without what is said of the output folder. */
  options: Omit<TrainerOptions, "output" | "overwrite" | "about">;
  /** What the caller told of the run. */
  about: Readonly<Record<string, unknown>>;
  /** Options that were changed when the run was resumed. */
  changes?: readonly OptionChange[];
}

/** An option that was changed from an epoch on. */
export interface OptionChange {
  /** The first with the new value. */
  epoch: number;
  /** The option's path, such as "optimizer.learningRate". */
  option: string;
  from: unknown;
  to: unknown;
}

/** The options that a run may go on with other values of: what they stand for is read anew in each step or epoch. */
export const CHANGEABLE_OPTIONS: readonly string[] = [
  "epochs",
  "schedule",
  "optimizer.learningRate",
  "clipNorm",
  "clipValue",
  "onNan",
  "metricsEvery",
  "tf32",
  "cudaGraph",
];

/** @param options completed */
export function describeRun(
  model: Model,
  { output = "", overwrite, about = {}, ...options }: TrainerOptions,
): RunInfo {
  return {
    format: 1,
    started: new Date().toISOString(),
    versions: { package: PACKAGE_VERSION, node: process.version, libtorch: native().torchVersion().runtime },
    platform: `${process.platform}-${process.arch}`,
    threads: native().threads(),
    model: { name: model.spec.name, classes: model.spec.classes },
    folder: resolve(output),
    options: {
      ...options,
      loss: completeLoss(options.loss ?? {}),
      optimizer: options.optimizer ?? DEFAULT_OPTIMIZER,
      seed: options.seed ?? 0,
    },
    about,
  };
}

const infoSchema = z.looseObject({
  options: z.record(z.string(), z.unknown()),
  about: z.record(z.string(), z.unknown()).default({}),
  changes: z.array(z.unknown()).default([]),
});

type RecordedInfo = z.infer<typeof infoSchema>;

/**
 * Compares a run as it is asked for now with what its `run.json` says.
 * @param now what {@link describeRun} says of it
 * @returns gives, for the epoch that goes on, what `run.json` is to say: what it said, with the options that are other ones
 * now; undefined where nothing is
 * @throws McLossError ERR_IO where there is no run.json that can be read; ERR_ARGUMENT naming an option that may not change
 */
export async function describeResumed(
  folder: string,
  now: RunInfo,
): Promise<(epoch: number) => object | undefined> {
  const before = await readInfo(folder);
  // As it would be read again.
  const { options, about } = JSON.parse(recordJson(now, "run.json")) as RecordedInfo;
  const changes = changedOptions(before.options, options);
  const refused = changes.find(({ option }) => !mayChange(option));
  if (refused) {
    const [from, to] = [refused.from, refused.to].map((value) => JSON.stringify(value ?? null));
    const advice = `A run goes on with the options that it was started with, but for ${CHANGEABLE_OPTIONS.join(", ")}`;
    throw invalidArgument(
      refused.option,
      `is ${to}, and the run in ${folder} was started with ${from}. ${advice}`,
    );
  }
  if (changes.length === 0 && isDeepStrictEqual(before.about, about)) return () => undefined;
  return (epoch) => {
    const told = changes.map((change) => ({ epoch, ...change }));
    return { ...before, options, about, changes: [...before.changes, ...told] };
  };
}

function changedOptions(before: object, now: object): Omit<OptionChange, "epoch">[] {
  const [was, is] = [before, now].map((options) => new Map(flatten(options)));
  if (!was || !is) return [];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((option) => !isDeepStrictEqual(was.get(option), is.get(option)))
    .map((option) => ({ option, from: was.get(option), to: is.get(option) }));
}

function mayChange(option: string): boolean {
  return CHANGEABLE_OPTIONS.some((name) => option === name || option.startsWith(`${name}.`));
}

async function readInfo(folder: string): Promise<RecordedInfo> {
  try {
    return infoSchema.parse(await readRunInfo(folder));
  } catch (cause) {
    const { info: path } = runFiles(folder);
    const text = `cannot go on from ${folder}: ${path} is missing or damaged (${reasonOf(cause)}): bring it back from a copy`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}
