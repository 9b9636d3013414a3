import { basename, resolve } from "node:path";
import { z } from "zod";
import { McLossError } from "../errors.js";
import { readMetricsLines, readRunInfo, runFiles } from "../io/run-files.js";
import { parse } from "../schema.js";
import { isSystemError, reasonOf } from "../system-error.js";
import { DEFAULT_EPOCHS } from "../train/defaults.js";

// JSON has no numbers that are not finite: whatever stands for them is a gap.
const number = z
  .unknown()
  .transform((value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined))
  .optional();
const metrics = z.looseObject({
  crossEntropy: number,
  discriminality: number,
  diversity: number,
  accuracy: number,
});
const share = z.number();
const shares = {
  diversity: share,
  iou: share,
  cosine: share,
  alignment: share,
  habit: share,
  ownHabit: share,
};
const healthSchema = z.looseObject({ ...shares, dead: z.int(), chance: z.looseObject(shares) });
const epochSchema = z.looseObject({
  time: z.iso.datetime(),
  epoch: z.int().min(1),
  epochs: z.int().min(1),
  learningRate: number,
  seconds: number,
  imagesPerSecond: number,
  nonFinite: number,
  train: metrics,
  validation: z
    .looseObject({ ...metrics.shape, top5Accuracy: number, macroF1: number, images: number })
    .optional(),
  // Of another version's figures there is no use, but of its epoch.
  channels: healthSchema.optional().catch(undefined),
});
const record = z.record(z.string(), z.unknown());
const infoSchema = z.looseObject({
  started: z.iso.datetime(),
  versions: z.record(z.string(), z.string()),
  platform: z.string(),
  threads: z.number(),
  model: z.looseObject({ name: z.string(), classes: z.number() }),
  options: record,
  about: record,
  changes: z.array(z.unknown()).optional(),
});

/** A line of `metrics.jsonl`, as far as it is needed here; a number that is not finite is undefined. */
export type RecordedEpoch = z.infer<typeof epochSchema>;
/** `run.json`, as far as it is needed here. */
export type RecordedInfo = z.infer<typeof infoSchema>;
/** The channels' health, as a line of `metrics.jsonl` has it. */
export type MeasuredHealth = z.infer<typeof healthSchema>;

/** What a run's folder says of the run. */
export interface RecordedRun {
  folder: string;
  /** Short, for labels. */
  name: string;
  info: RecordedInfo;
  /** In order; of an epoch that comes twice the last. */
  epochs: RecordedEpoch[];
  /** Epochs that were asked for. */
  planned: number;
  /** Lines of `metrics.jsonl` that are not whole, as a killed process leaves its last. */
  damagedLines: number;
  /** Whether the last line is one of them, without its end. */
  endsTorn: boolean;
}

/** Reads one run's folder. @throws McLossError ERR_IO when it has no run.json, or a damaged one */
export async function readRecordedRun(folder: string): Promise<RecordedRun> {
  const info = await readInfo(folder);
  const all = await readMetricsLines(folder).catch(() => []);
  const rest = all.at(-1) ?? "";
  const lines = all.filter((line) => line.trim() !== "");
  const read = lines.map(readLine).filter((epoch) => epoch !== undefined);
  const byNumber = new Map(read.map((epoch) => [epoch.epoch, epoch]));
  const epochs = [...byNumber.values()].sort((a, b) => a.epoch - b.epoch);
  const { epochs: asked } = info.options;
  return {
    folder,
    name: basename(resolve(folder)),
    info,
    epochs,
    // A run that goes on may have been asked for more than at first.
    planned: Math.max(typeof asked === "number" ? asked : DEFAULT_EPOCHS, epochs.at(-1)?.epochs ?? 0),
    damagedLines: lines.length - read.length,
    endsTorn: rest !== "" && readLine(rest) === undefined,
  };
}

async function readInfo(folder: string): Promise<RecordedInfo> {
  try {
    return parse(infoSchema, await readRunInfo(folder));
  } catch (cause) {
    const { info: path } = runFiles(folder);
    const problem = isSystemError(cause)
      ? `${folder} is not the folder of a run: it has no run.json that can be read`
      : `${path} is damaged, or another version's (${reasonOf(cause)})`;
    const text = `${problem}. Give a folder that mcloss train --out wrote`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}

function readLine(line: string): RecordedEpoch | undefined {
  try {
    return epochSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
