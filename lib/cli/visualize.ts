import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import type { DatasetKind } from "../data/sets/layout.js";
import { openEvaluationSet } from "../data/training-sets.js";
import { invalidArgument } from "../errors.js";
import type { ImageLimitOptions } from "../image/limits.js";
import { MOST_NAME_BYTES, shortenName } from "../io/file-name.js";
import { makeFolder } from "../make-folder.js";
import { named, replaceWith } from "../io/replace-file.js";
import { className } from "../models/class-name.js";
import { groupsOf } from "../models/groups-of.js";
import type { ChannelHealthTally } from "../loss/channel-health.js";
import type { Model } from "../models/model.js";
import { readRun } from "../run/read-run.js";
import { formatTable } from "../table.js";
import { tallyOf } from "../train/evaluate-channels.js";
import type { Background } from "../visualize/background.js";
import { renderClassSheet } from "../visualize/class-sheet.js";
import { findExcitingImages } from "../visualize/exciting-images.js";
import { drawImageSheet } from "../visualize/image-sheet.js";
import { describeHealth, reportHabit } from "./describe-channels.js";
import { percent, printJson } from "./format.js";
import { expandPaths } from "./image-paths.js";
import { limitsOf } from "./limit-flags.js";
import { interruptSignal } from "./interrupt.js";
import { openModel } from "./open-model.js";
import { startProgress } from "./progress.js";

export interface VisualizeFlags {
  out: string;
  class?: string;
  rivals: number;
  compare?: string;
  byClass?: string;
  background: Background;
  trustCode?: boolean;
  kind?: DatasetKind;
  allowPartial?: boolean;
  json?: boolean;
}

/** One picture that was written. */
type Picture = { picture: string } & Record<string, unknown>;

/** `mcloss visualize`: contact sheets of images and of classes. */
export async function visualize(
  path: string,
  images: readonly string[],
  flags: VisualizeFlags,
): Promise<void> {
  const signal = interruptSignal();
  const { trustCode } = flags;
  const limits = limitsOf(flags);
  const model = await openModel(path, { trustCode });
  const classIndex = flags.class === undefined ? undefined : classOf(model, flags.class);
  const compare = flags.compare === undefined ? undefined : await openModel(flags.compare, { trustCode });
  const folder = new PictureFolder(flags.out);
  const sheets: Picture[] = [];
  for (const image of await expandPaths(images)) {
    const { png, ranked, shown } = await drawImageSheet(model, image, {
      ...limits,
      rivals: flags.rivals,
      background: flags.background,
      labels: flags.compare === undefined ? [path] : [path, flags.compare],
      classIndex,
      compare,
    });
    const picture = await folder.write(basename(image, extname(image)), png);
    sheets.push({ image, picture, predicted: ranked[0], shown });
    if (!flags.json) process.stdout.write(`${imageLine(image, picture, ranked[0])}\n`);
  }
  if (flags.byClass === undefined) {
    if (flags.json) printJson({ model: path, images: sheets, classes: [] });
    return reportKnownHabit(path);
  }
  using channels = tallyOf(model);
  const classes = await drawClasses(
    model,
    flags.byClass,
    classIndex,
    folder,
    { ...flags, channels, limits },
    signal,
  );
  const { overall } = await channels.result();
  if (flags.json) printJson({ model: path, images: sheets, classes, channels: overall });
  else process.stdout.write(`${describeHealth(overall)}\n`);
  reportHabit(overall);
}

/** What the run has measured of the model, where it is a run's. */
async function reportKnownHabit(path: string): Promise<void> {
  const run = await readRun(path).catch(() => undefined);
  const measured = run?.epochs.findLast(({ channels }) => channels)?.channels;
  if (measured) reportHabit(measured);
}

function imageLine(
  image: string,
  picture: string,
  best: { name: string; probability: number } | undefined,
): string {
  return formatTable([[image, best?.name ?? "", percent(best?.probability ?? 0), picture]]);
}

async function drawClasses(
  model: Model,
  dir: string,
  classIndex: number | undefined,
  folder: PictureFolder,
  {
    kind,
    allowPartial,
    background,
    json,
    channels,
    limits,
  }: VisualizeFlags & { channels: ChannelHealthTally; limits: ImageLimitOptions },
  signal: AbortSignal,
): Promise<Picture[]> {
  const { classNames } = model.info;
  const images = await openEvaluationSet({
    dir,
    kind,
    allowPartial,
    classes: classNames,
  });
  const progress = startProgress("looking at the images", images.length);
  const onBatch = (done: number, total: number) =>
    progress.update(Math.round((images.length * done) / total));
  const exciting = await findExcitingImages(model, images, { ...limits, signal, onBatch, channels }).finally(
    () => progress.stop(),
  );
  const pictures: Picture[] = [];
  const wanted = classIndex === undefined ? [...images.classes.keys()] : [classIndex];
  for (const index of wanted) {
    const { start, count } = groupsOf(model).channelsOf(index);
    const name = className(images.classes, index);
    const png = await renderClassSheet(model, index, exciting, { ...limits, background });
    const picture = await folder.write(`class-${name}`, png);
    const shown = exciting.slice(start, start + count).map((row, place) => ({
      channel: start + place,
      images: row.map(({ sample, activation }) => ({ path: sample.path, label: sample.label, activation })),
    }));
    pictures.push({ class: name, index, picture, channels: shown });
    if (!json) process.stdout.write(`${name}  ${picture}\n`);
  }
  return pictures;
}

/** The number of a class, by its name or its number. */
function classOf(model: Model, name: string): number {
  const { classNames } = model.info;
  const index = classNames?.indexOf(name) ?? -1;
  if (index >= 0) return index;
  const number = Number(name);
  if (Number.isInteger(number) && number >= 0 && number < model.spec.classes) return number;
  const known = classNames ? `, such as ${classNames.slice(0, 3).join(", ")}` : "";
  throw invalidArgument(
    "--class",
    `must be one of the model's ${model.spec.classes} classes${known}; got ${name}`,
  );
}

/** Of "-123456.png". */
const ENDING_BYTES = 12;

/** Writes pictures under names of their own. */
class PictureFolder {
  readonly #dir: string;
  readonly #taken = new Set<string>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @returns the picture's path @throws McLossError ERR_IO naming it */
  async write(name: string, png: Uint8Array): Promise<string> {
    const free = this.#free(shortenName(name.replace(/[/\\\p{Cc}]/gu, "_"), MOST_NAME_BYTES - ENDING_BYTES));
    const path = join(this.#dir, `${free}.png`);
    await this.#make();
    await replaceWith(path, png);
    return path;
  }

  async #make(): Promise<void> {
    const status = await stat(this.#dir).catch(() => undefined);
    if (status && !status.isDirectory())
      throw invalidArgument("--out", `must be a folder, and ${this.#dir} is a file`);
    await named(this.#dir, makeFolder(this.#dir));
  }

  /** Two images of one name, from two folders, get two pictures. */
  #free(name: string): string {
    let free = name;
    for (let number = 2; this.#taken.has(free); number += 1) free = `${name}-${number}`;
    this.#taken.add(free);
    return free;
  }
}
