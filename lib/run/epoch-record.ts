import { z } from "zod";
import { McLossError } from "../errors.js";
import { readWhole } from "../io/open-file.js";
import { reasonOf } from "../system-error.js";
import { runFiles } from "./run-files.js";

/** A figure that is no finite number, which JSON has not, is a gap. */
const figure = z
  .custom<number | null | undefined>(() => true)
  .transform((value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined))
  .optional();
const metrics = z.looseObject({
  loss: figure,
  crossEntropy: figure,
  discriminality: figure,
  diversity: figure,
  accuracy: figure,
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
const schema = z.looseObject({
  time: z.iso.datetime(),
  epoch: z.int().min(1),
  epochs: z.int().min(1),
  learningRate: figure,
  seconds: figure,
  imagesPerSecond: figure,
  nonFinite: figure,
  stoppedEarly: z.boolean().optional(),
  train: metrics,
  validation: z
    .looseObject({
      ...metrics.shape,
      top5Accuracy: figure,
      macroF1: figure,
      balancedAccuracy: figure,
      images: figure,
    })
    .optional(),
  // Of another version's figures there is no use, but of its epoch.
  channels: healthSchema.optional().catch(undefined),
});

/** Without what a loose object takes besides. */
type Known<T> = T extends object
  ? { [Key in keyof T as string extends Key ? never : Key]: Known<T[Key]> }
  : T;

/** A line of `metrics.jsonl` as it is written, which may have more. */
export type WrittenEpoch = Known<z.input<typeof schema>>;
/** A line of `metrics.jsonl`, as far as it is read; a figure that is not finite is undefined. */
export type RecordedEpoch = z.output<typeof schema>;
/** The channels' health, as a line of `metrics.jsonl` has it. */
export type MeasuredHealth = z.output<typeof healthSchema>;

/** A line of `metrics.jsonl`, as it is and as it is read. */
export interface MetricsLine {
  text: string;
  /** Undefined where the line is damaged. */
  epoch: RecordedEpoch | undefined;
}

/** What `metrics.jsonl` holds. */
export interface RecordedMetrics {
  /** In the order of the file. */
  lines: MetricsLine[];
  /** Whether the last has its end, which a killed process may leave out. */
  ended: boolean;
}

/**
 * Reads `metrics.jsonl`, which is missing until the first epoch has ended.
 * @throws McLossError ERR_IO where it is there and cannot be read
 */
export async function readMetrics(folder: string): Promise<RecordedMetrics> {
  const text = await readText(runFiles(folder).metrics);
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => ({ text: line, epoch: readLine(line) }));
  return { lines, ended: text === "" || text.endsWith("\n") };
}

async function readText(path: string): Promise<string> {
  try {
    return (await readWhole(path)).toString();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new McLossError("ERR_IO", `cannot read ${path}: ${reasonOf(cause)}`, { path, cause });
  }
}

function readLine(line: string): RecordedEpoch | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
