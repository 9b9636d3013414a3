import { checkPlace, checkPlaces } from "../check-argument.js";
import { z } from "zod";
import { abortShape, callback, flag, must, optionsOf, parseOptions, text } from "../schema.js";
import type { RecordedRun } from "../run/read-run.js";
import { replaceWith } from "../io/replace-file.js";
import type { AbortOptions } from "../native/abortable.js";
import { renderPage } from "./page.js";
import { picturesOf, type RunPictures } from "./picture-runs.js";
import { readRuns } from "./read-runs.js";
import { summarizeRun, type RunSummary } from "../compare/summarize-run.js";

/** Options of {@link writeReport}. */
export interface ReportOptions extends AbortOptions {
  /**
   * A data set as `openDataset` takes it, such as a folder with one sub-folder per class, of which the test part (or the
   * val part, or all) is judged by each run's best checkpoint: the report then has the most confused classes, and what
   * the channels look at. Or image files, for the latter alone. Default: neither.
   */
  images?: string | readonly string[];
  /** With images: whether TorchScript in the checkpoints, which is code, may run; see {@link loadModel}. Default false. */
  trustCode?: boolean | undefined;
  /** Called as images are judged and pictures are drawn. */
  onProgress?: (step: string, done: number, total: number) => void;
}

/** What {@link writeReport} wrote. */
export interface Report {
  path: string;
  /** In the order in which they were given. */
  runs: RunSummary[];
}

const schema = optionsOf<ReportOptions>({
  ...abortShape,
  images: z.union([text, z.array(text).readonly()], must("a folder, or several")).optional(),
  trustCode: flag.optional(),
  onProgress: callback.optional(),
});

/**
 * Writes one HTML file about one or several runs, which needs no network: how accurate they are, curves over the epochs,
 * the most confused classes, what the channels look at, and what the runs were made with. Several runs are compared.
 * @param runs folders that `Trainer` or `mcloss train` wrote; also of a run that is under way
 * @throws McLossError ERR_IO when a folder has no run.json or `path` cannot be written; ERR_ARGUMENT; with images
 * ERR_DATASET, ERR_IMAGE or ERR_CHECKPOINT
 */
export async function writeReport(
  runs: string | readonly string[],
  path: string,
  given: ReportOptions = {},
): Promise<Report> {
  const options = parseOptions(schema, given);
  const folders = listOf(runs);
  checkPlaces("runs", folders);
  checkPlace("path", path);
  const read = await readRuns(folders);
  const { images, ...rest } = options;
  const pictures = images === undefined ? {} : { pictures: await lookAt(read, listOf(images), rest) };
  const page = await renderPage({ runs: read, live: false, ...pictures });
  await replaceWith(path, page);
  return { path, runs: read.map(summarizeRun) };
}

async function lookAt(
  runs: readonly RecordedRun[],
  images: readonly string[],
  options: Omit<ReportOptions, "images">,
): Promise<RunPictures[]> {
  const pictures: RunPictures[] = [];
  for (const run of runs) pictures.push(await picturesOf(run, { images, ...options }));
  return pictures;
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
