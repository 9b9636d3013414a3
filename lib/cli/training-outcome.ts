import { existsSync } from "node:fs";
import { isAbsolute, relative } from "node:path";
import { readRun } from "../run/read-run.js";
import { runFiles } from "../run/run-files.js";
import { duration } from "../report/format.js";
import { measuredImages, summarizeRun, type EpochScores } from "../compare/summarize-run.js";
import { formatTable } from "../table.js";
import { percent } from "./format.js";
import { describeSkippedSteps } from "./report-training.js";

/** What a training ended with. */
export interface TrainingOutcome {
  /** The run's folder. */
  run: string;
  /** What it was measured on, or else trained on. */
  images?: string;
  /** Its last checkpoint, and the one with the best monitored figure of held-out images. */
  checkpoint: string;
  bestCheckpoint?: string;
  accuracies: { training?: Accuracies; heldOut?: Accuracies };
  /** That this training took; of a run that went on, without what was before. */
  seconds: number;
  /** Of the whole run, skipped as their loss was not finite. */
  skippedSteps: number;
}

type Score = Pick<EpochScores, "epoch" | "accuracy">;

interface Accuracies {
  /** Absent where the images chose no epoch. */
  best?: Score;
  /** The highest accuracy where they chose none: no honest selection. */
  highest?: Score;
  last: Score;
}

/** Reads what a run in `folder` came to, of all its epochs. */
export async function readOutcome(folder: string, seconds: number): Promise<TrainingOutcome> {
  const recorded = await readRun(folder);
  const { best, highest, last, measuredOn, training, skippedSteps } = summarizeRun(recorded);
  const images = measuredImages(recorded.info);
  const files = runFiles(folder);
  const heldOut =
    measuredOn === "held-out" && last
      ? { best: best && scoreOf(best), highest: highest && scoreOf(highest), last: scoreOf(last) }
      : undefined;
  return {
    run: folder,
    images,
    checkpoint: files.last,
    bestCheckpoint: existsSync(files.best) ? files.best : undefined,
    accuracies: { training, heldOut },
    seconds,
    skippedSteps,
  };
}

function scoreOf({ epoch, accuracy }: EpochScores) {
  return { epoch, accuracy };
}

/** A few lines for people, with the next command. */
export function describeOutcome(outcome: TrainingOutcome): string {
  const { run, images = "PHOTOS", checkpoint, bestCheckpoint, accuracies, seconds, skippedSteps } = outcome;
  const { heldOut, training } = accuracies;
  const accuracy = formatTable(
    [
      ["accuracy", "best", "", "last", ""],
      ...(heldOut ? [accuracyRow("held-out images", heldOut)] : []),
      ...(training ? [accuracyRow("training images", training)] : []),
    ],
    [2, 4],
  );
  const best = bestCheckpoint === undefined ? [] : [["best checkpoint", bestCheckpoint]];
  const facts = formatTable(
    [
      ["run", run],
      ...best,
      ["last checkpoint", checkpoint],
      ["time", duration(seconds)],
      ...(skippedSteps > 0 ? [["skipped", describeSkippedSteps(skippedSteps)]] : []),
      ["next", `mcloss report ${quoted(run)} --images ${quoted(fromHere(images))}`],
    ],
    [1],
  );
  const note = heldOut?.highest ? `\n${HINDSIGHT}` : "";
  return `${accuracy}${note}\n\n${facts}`;
}

const HINDSIGHT = "* the highest of all epochs; the images chose none, and by it they would judge themselves";

function accuracyRow(name: string, { best, highest, last }: Accuracies): string[] {
  const mark = highest ? " *" : "";
  const cells = [...cellsOf(best ?? highest, mark), ...cellsOf(last)];
  return [name, ...cells];
}

function cellsOf(score: Score | undefined, mark = ""): string[] {
  return score ? [percent(score.accuracy), `epoch ${score.epoch}${mark}`] : ["", ""];
}

/** A run keeps whole paths; one into this folder is short from here. */
function fromHere(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") || !isAbsolute(path) ? path : short;
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./:=@%+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
