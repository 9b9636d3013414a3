import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { drawDemoPicture } from "./demo-picture.js";
import { prepareEmojiFaces, type EmojiFaces } from "./emoji-faces.js";
import { demoEpochs, openFaces, openPhotographs, type DemoImages } from "./demo-images.js";
import { runDemo, type DemoRun } from "./run-demo.js";
import type { SplitName } from "./styles.js";
import { decimals, percent, printJson } from "#lib/cli/format.js";
import { formatTable } from "#lib/table.js";
import { interruptSignal } from "#lib/cli/interrupt.js";
import { printLine, startProgress } from "#lib/cli/progress.js";
import { reportTraining } from "#lib/cli/report-training.js";

export interface DemoFlags {
  epochs?: number;
  seed: number;
  split: SplitName;
  pooling: "avg" | "max";
  data: string;
  /** A folder of photographs, in place of the drawings. */
  images?: string;
  out: string;
  json?: boolean;
}

type LossName = keyof DemoImages["losses"];

/** Of the drawings. */
const EPOCHS = 100;

const LABELS = { ce: "cross-entropy", mc: "CE + MC-Loss " } as const;

/** `mcloss demo`: the same network, seed and schedule with cross-entropy alone and with MC-Loss. */
export async function demo(flags: DemoFlags): Promise<void> {
  const signal = interruptSignal();
  const images = await openImages(flags, signal);
  printLine(images.title);
  const { seed, pooling, out: output } = flags;
  const epochs = flags.epochs ?? (flags.images === undefined ? EPOCHS : demoEpochs(images));
  await mkdir(output, { recursive: true });
  const runs = new Map<LossName, DemoRun>();
  for (const name of ["ce", "mc"] as const) {
    const run = runDemo(name, { images, epochs, seed, pooling, output, signal });
    runs.set(name, (await reportTraining(run, { label: LABELS[name], epochs, json: false })).result);
  }
  const picture = join(output, "channels.png");
  await drawPicture(picture, runs);
  if (flags.json) {
    const summaries = Object.fromEntries([...runs].map(([name, run]) => [name, summary(run)]));
    const { json, ...settings } = flags;
    return printJson({ ...settings, epochs, picture, runs: summaries });
  }
  process.stdout.write(`\n${table(runs)}\npicture: ${picture}\n`);
}

async function drawPicture(path: string, runs: ReadonlyMap<LossName, DemoRun>): Promise<void> {
  const models = new Map(
    [...runs].map(([name, { model }]) => [`class channels: ${LABELS[name].trim()}`, model]),
  );
  const [first] = runs.values();
  if (first) await drawDemoPicture(path, models, first.test);
}

async function openImages(flags: DemoFlags, signal: AbortSignal): Promise<DemoImages> {
  if (flags.images !== undefined) return openPhotographs(flags.images);
  return openFaces(await prepareFaces(flags, signal), flags.split);
}

async function prepareFaces(flags: DemoFlags, signal: AbortSignal): Promise<EmojiFaces> {
  let progress: ReturnType<typeof startProgress> | undefined;
  const onProgress = (done: number, total: number) => {
    progress ??= startProgress("drawing the faces", total);
    progress.update(done);
  };
  try {
    return await prepareEmojiFaces(flags.data, flags.split, { onProgress, signal });
  } finally {
    progress?.stop();
  }
}

function summary({ evaluation, checkpoint, imagesPerSecond, seconds }: DemoRun) {
  return { ...evaluation, checkpoint, imagesPerSecond, seconds };
}

function table(runs: ReadonlyMap<string, DemoRun>): string {
  const row = (label: string, value: (run: DemoRun) => string) => [label, ...[...runs.values()].map(value)];
  return formatTable([
    ["", "cross-entropy", "CE + MC-Loss"],
    row("held-out accuracy", ({ evaluation }) => percent(evaluation.accuracy)),
    row("  by the channel groups alone", ({ evaluation }) => percent(evaluation.groupAccuracy)),
    row("held-out cross-entropy", ({ evaluation }) => decimals(evaluation.crossEntropy)),
    row("held-out discriminality (L_dis)", ({ evaluation }) => decimals(evaluation.discriminality)),
    row("held-out diversity (L_div)", ({ evaluation }) => decimals(evaluation.diversity)),
    row("images/s in training", ({ imagesPerSecond }) => imagesPerSecond.toFixed(0)),
    row("seconds of training", ({ seconds }) => seconds.toFixed(0)),
    row("checkpoint", ({ checkpoint }) => checkpoint),
  ]);
}
