import { basename, resolve } from "node:path";
import { readMetrics, type RecordedEpoch } from "./epoch-record.js";
import { readRunInfo, type RunInfo } from "./run-info.js";

/** What a run's folder says of the run. */
export interface RecordedRun {
  folder: string;
  /** Short, for labels. */
  name: string;
  info: RunInfo;
  /** In order; of an epoch that comes twice the last. */
  epochs: RecordedEpoch[];
  /** Epochs that were asked for. */
  planned: number;
  /** Lines of `metrics.jsonl` that are not whole, as a killed process leaves its last. */
  damagedLines: number;
  /** Whether the last line is one of them, without its end. */
  endsTorn: boolean;
}

/** Reads a run's folder, also of a run that is under way. @throws McLossError as {@link readRunInfo} */
export async function readRun(folder: string): Promise<RecordedRun> {
  const info = await readRunInfo(folder);
  const { lines, ended } = await readMetrics(folder);
  const read = lines.flatMap(({ epoch }) => epoch ?? []);
  const byNumber = new Map(read.map((epoch) => [epoch.epoch, epoch]));
  const epochs = [...byNumber.values()].sort((a, b) => a.epoch - b.epoch);
  const { epochs: asked } = info.options;
  return {
    folder,
    name: basename(resolve(folder)),
    info,
    epochs,
    // A run that goes on may have been asked for more than at first.
    planned: Math.max(typeof asked === "number" ? asked : 0, epochs.at(-1)?.epochs ?? 0),
    damagedLines: lines.length - read.length,
    endsTorn: !ended && lines.at(-1)?.epoch === undefined,
  };
}

/** Whether the run has come to its end. */
export function isFinished({ epochs, planned }: RecordedRun): boolean {
  const last = epochs.at(-1);
  return last?.stoppedEarly === true || (last?.epoch ?? 0) >= planned;
}
