import { isDeepStrictEqual } from "node:util";
import { invalidArgument } from "../errors.js";
import { flatten } from "../plain-data.js";
import { recordJson } from "../record-json.js";
import type { OptionChange, RunInfo } from "./run-info.js";

/**
 * The options of a trainer, and the keys of a recipe, that a run may go on with other values of: what they stand for is read
 * anew in each step or epoch.
 */
export const RESUMABLE_KEYS: readonly string[] = [
  "epochs",
  "schedule",
  "earlyStopping",
  "findRate",
  "optimizer.learningRate",
  "clipNorm",
  "clipValue",
  "onNan",
  "onBadImage",
  "cache",
  "limitInputPixels",
  "limitInputSide",
  "limitInputBytes",
  "channelHealth",
  "metricsEvery",
  "tf32",
  "cudaGraph",
  "syncBatchNorm",
  "gradientCompression",
];

type Change = Omit<OptionChange, "epoch">;

/**
 * In what a run's options, its recipe or its loaders are other ones now.
 * @param folder the run's, for messages
 * @throws McLossError ERR_ARGUMENT naming an option that may not change
 */
export function resumableChanges(folder: string, before: object, now: object): Change[] {
  const changes = changesOf(before, now);
  const refused = changes.find(({ option }) => !mayChange(option));
  if (!refused) return changes;
  const [from, to] = [refused.from, refused.to].map((value) => JSON.stringify(value ?? null));
  const text = `is ${from} in the run in ${folder} and cannot become ${to}: give what it had, or start a new run. What may change is ${RESUMABLE_KEYS.join(", ")}`;
  throw invalidArgument(refused.option, text);
}

/**
 * What `run.json` is to say of a run that goes on: what it said, with the options that are other ones now.
 * @param now as the run is asked for now
 * @param epoch the one that goes on
 * @returns undefined where it says that already
 */
export function resumedInfo(
  before: RunInfo,
  now: RunInfo,
  changes: readonly Change[],
  epoch: number,
): RunInfo | undefined {
  const { options, about, loaders } = asRecorded(now);
  const known = isDeepStrictEqual([before.about, before.loaders], [about, loaders]);
  if (changes.length === 0 && known) return undefined;
  const told = [...(before.changes ?? []), ...changes.map((change) => ({ epoch, ...change }))];
  return { ...before, options, about, loaders, ...(told.length > 0 && { changes: told }) };
}

/** As it would be read again. */
export function asRecorded(info: RunInfo): RunInfo {
  return JSON.parse(recordJson(info, "run.json")) as RunInfo;
}

function changesOf(before: object, now: object): Change[] {
  const [was, is] = [new Map(flatten(before)), new Map(flatten(now))];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((option) => !isDeepStrictEqual(was.get(option), is.get(option)))
    .map((option) => ({ option, from: was.get(option), to: is.get(option) }));
}

/** Of the training images' loader as of a recipe; by what a run is judged may be another one from an epoch on. */
function mayChange(path: string): boolean {
  if (path.startsWith("validation.")) return true;
  const option = path.replace(/^train\./, "");
  return RESUMABLE_KEYS.some((name) => option === name || option.startsWith(`${name}.`));
}
