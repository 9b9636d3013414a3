import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LossOptions } from "mutual-channel-loss";

/** What a recorded run differs in from the others. */
export interface RecordedRunOptions {
  epochs?: number;
  model?: string;
  loss?: LossOptions;
  about?: object;
  /** The channels' health, where it was measured: what differs from a healthy one. */
  channels?: { habit?: number };
}

const CHANCE = { diversity: 0.65, iou: 0.1, cosine: 0.15, alignment: 1 / 7, habit: 0.02, ownHabit: 0.25 };
const HEALTH = {
  ...{ diversity: 0.7, iou: 0.2, cosine: 0.3, alignment: 0.6, habit: 0.12, ownHabit: 0.33 },
  ...{ dead: 2, chance: CHANCE },
};
const STARTED = Date.parse("2026-03-01T10:00:00.000Z");

/** A run's folder as a trainer leaves it, without having trained: held-out accuracy 10 %, 20 %, … 10 s an epoch. */
export async function writeRecordedRun(folder: string, options: RecordedRunOptions = {}): Promise<string> {
  const { epochs = 3, model = "small-resnet", loss = { alpha: 1.5, beta: 20 }, about = {} } = options;
  await mkdir(folder, { recursive: true });
  const info = {
    format: 1,
    started: new Date(STARTED).toISOString(),
    versions: { package: "0.1.0", node: "v20.19.0", libtorch: "2.13.0" },
    platform: "linux-x64",
    threads: 2,
    model: { name: model, classes: 7 },
    options: { epochs: 5, loss, optimizer: { learningRate: 0.05 } },
    about,
  };
  await writeFile(join(folder, "run.json"), JSON.stringify(info));
  const lines = Array.from({ length: epochs }, (_, i) => recordLine(i + 1, options));
  await writeFile(join(folder, "metrics.jsonl"), lines.join(""));
  return folder;
}

/** A line of metrics.jsonl. */
export function recordLine(epoch: number, { loss, channels }: RecordedRunOptions = {}): string {
  const own = loss === "ce" ? 0 : 1;
  const metrics = {
    loss: 5 / epoch,
    crossEntropy: 2 / epoch,
    discriminality: (own * 1.5) / epoch,
    diversity: (own * 0.5) / epoch,
    accuracy: epoch / 8,
  };
  const record = {
    time: new Date(STARTED + 10_000 * epoch).toISOString(),
    step: 10 * epoch,
    learningRate: 0.05 / epoch,
    epoch,
    epochs: 5,
    train: metrics,
    seconds: 10,
    imagesPerSecond: 100 * epoch,
    dataShare: 0.1,
    skipped: 0,
    nonFinite: 0,
    validation: {
      ...metrics,
      accuracy: epoch / 10,
      top5Accuracy: 0.9,
      macroF1: 0.25,
      groupAccuracy: 0.2,
      images: 40,
      skipped: 0,
    },
    ...(channels ? { channels: { ...HEALTH, ...channels } } : {}),
  };
  return `${JSON.stringify(record)}\n`;
}
