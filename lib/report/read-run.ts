import { basename, resolve } from "node:path";
import { z } from "zod";
import { McLossError } from "../errors.js";
import { readMetricsLines, readRunInfo, runFiles } from "../io/run-files.js";
import { isSystemError } from "../system-error.js";

// JSON has null for what is not finite.
const number = z.number().nullish();
const metrics = z.looseObject({
  crossEntropy: number,
  discriminality: number,
  diversity: number,
  accuracy: number,
});
const epochSchema = z.looseObject({
  time: z.iso.datetime(),
  epoch: z.int().min(1),
  epochs: z.int().min(1),
  learningRate: number,
  imagesPerSecond: number,
  train: metrics,
  validation: z
    .looseObject({ ...metrics.shape, top5Accuracy: number, macroF1: number, images: number })
    .optional(),
  channels: z
    .looseObject({ diversity: number, iou: number, cosine: number, alignment: number, dead: number })
    .optional(),
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
});

/** A line of `metrics.jsonl`, as far as a report needs it. */
export type ReportedEpoch = z.infer<typeof epochSchema>;
/** `run.json`, as far as a report needs it. */
export type ReportedInfo = z.infer<typeof infoSchema>;

/** What a run's folder says of the run. */
export interface ReportedRun {
  folder: string;
  /** Short, for labels. */
  name: string;
  info: ReportedInfo;
  /** In order; of an epoch that comes twice the last. */
  epochs: ReportedEpoch[];
  /** Lines of `metrics.jsonl` that are not whole, as a killed process leaves them. */
  damagedLines: number;
}

/**
 * Reads the folders of runs; their names are told apart.
 * @throws McLossError ERR_IO when a folder has no run.json, or a damaged one
 */
export async function readRuns(folders: readonly string[]): Promise<ReportedRun[]> {
  const runs = await Promise.all(folders.map(readRun));
  const repeated = (name: string) => runs.filter((run) => run.name === name).length > 1;
  return runs.map((run) => (repeated(run.name) ? { ...run, name: run.folder } : run));
}

/** Reads one run's folder. @throws McLossError ERR_IO when it has no run.json, or a damaged one */
export async function readRun(folder: string): Promise<ReportedRun> {
  const info = await readInfo(folder);
  const all = await readMetricsLines(folder).catch(() => []);
  const lines = all.filter((line) => line.trim() !== "");
  const read = lines.map(readLine).filter((epoch) => epoch !== undefined);
  const byNumber = new Map(read.map((epoch) => [epoch.epoch, epoch]));
  const epochs = [...byNumber.values()].sort((a, b) => a.epoch - b.epoch);
  return { folder, name: basename(resolve(folder)), info, epochs, damagedLines: lines.length - read.length };
}

async function readInfo(folder: string): Promise<ReportedInfo> {
  try {
    return infoSchema.parse(await readRunInfo(folder));
  } catch (cause) {
    const { info: path } = runFiles(folder);
    const problem = isSystemError(cause)
      ? `${folder} is not the folder of a run: it has no run.json that can be read`
      : `${path} is damaged, or another version's`;
    const text = `${problem}. Give a folder that mcloss train --out wrote`;
    throw new McLossError("ERR_IO", text, { path, cause });
  }
}

function readLine(line: string): ReportedEpoch | undefined {
  try {
    return epochSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
