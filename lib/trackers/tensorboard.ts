import { checkPlace } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import { flatten, isRecord } from "../plain-data.js";
import { callback, like, optionsOf, parseOptions } from "../schema.js";
import { summarize } from "../train/evaluate.js";
import type { EpochEvent, StepEvent, TrainingEvent } from "../train/events.js";
import type { EventFile, Setting } from "./event-file.js";
import type { Tracker } from "./track.js";

/** A picture by its tag. */
export interface TrackedPicture {
  /** "channels/wren.png" */
  tag: string;
  /** A PNG file's bytes. */
  png: Uint8Array;
}

/** Options of {@link tensorBoard}. */
export interface TensorBoardOptions {
  /** What the run was asked for, as plain data, such as its recipe: shown as text and as hyperparameters. Default: nothing. */
  settings?: object;
  /** Pictures to be kept after an epoch, such as sheets of its channels. Default: none. */
  pictures?: (event: EpochEvent) => Promise<readonly TrackedPicture[]>;
}

const schema = optionsOf<TensorBoardOptions>({
  settings: like<object>("an object", isRecord).optional(),
  pictures: callback.optional(),
});

/** What {@link tensorBoard} makes: a tracker that is closed once the run is over. */
export interface TensorBoardTracker extends Tracker {
  /** The event file. */
  readonly path: string;
  /** Ends the file. May be called again. */
  close(): Promise<void>;
  /** Calls close(): for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the table of hyperparameters shows of each run. */
const METRICS = ["epoch/train/accuracy", "epoch/validation/accuracy", "epoch/validation/loss"];

/**
 * A tracker that writes an event file for TensorBoard: the terms of each step, the figures of each epoch, pictures, and the
 * settings. `tensorboard --logdir FOLDER` shows it. A run that goes on begins a file of its own, from where it goes on.
 * @throws McLossError ERR_IO where `folder` cannot be written
 */
export async function tensorBoard(
  folder: string,
  given: TensorBoardOptions = {},
): Promise<TensorBoardTracker> {
  checkPlace("folder", folder);
  const { settings, pictures } = parseOptions(schema, given);
  const { EventFile } = await import("./event-file.js");
  const file = await EventFile.create(folder);
  if (settings) await writeSettings(file, settings);
  const board = new Board(file, pictures);
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= board.end().then(() => file.close()));
  return Object.assign((event: TrainingEvent) => board.take(event), {
    path: file.path,
    close,
    [Symbol.asyncDispose]: close,
  });
}

class Board {
  readonly #file: EventFile;
  readonly #pictures: TensorBoardOptions["pictures"];
  #step = 0;
  #begun = false;
  #finished = false;

  constructor(file: EventFile, pictures: TensorBoardOptions["pictures"]) {
    this.#file = file;
    this.#pictures = pictures;
  }

  async take(event: TrainingEvent): Promise<void> {
    if (event.type === "step") await this.#takeStep(event);
    else if (event.type === "epoch") await this.#takeEpoch(event);
    else if (event.type === "notice") await this.#file.text("notices", event.reason, this.#step);
  }

  async #takeStep({ type, epoch, step, steps, ...figures }: StepEvent): Promise<void> {
    if (!this.#begun && step > 1) await this.#file.start(step);
    this.#begun = true;
    this.#step = step;
    await this.#file.scalars({ ...tagged("step", figures), "step/epoch": epoch }, step);
  }

  async #takeEpoch(event: EpochEvent): Promise<void> {
    const { type, epoch, epochs, train, validation, channels, stoppedEarly = false, ...figures } = event;
    const values = {
      epoch,
      ...tagged("epoch", figures),
      ...tagged("epoch/train", train),
      ...tagged("epoch/validation", validation ? summarize(validation) : {}),
      ...tagged("channels", channels ?? {}),
    };
    await this.#file.scalars(values, this.#step);
    this.#finished = epoch === epochs || stoppedEarly;
    for (const { tag, png } of (await this.#pictures?.(event)) ?? []) {
      await this.#file.image(tag, png, sizeOf(tag, png), this.#step);
    }
  }

  async end(): Promise<void> {
    if (this.#finished) await this.#file.ended();
  }
}

/** The numbers of an event, by tags. */
function tagged(prefix: string, figures: object): Record<string, number> {
  const numbers = flatten(figures).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return Object.fromEntries(
    numbers.map(([name, value]) => [`${prefix}/${name.replaceAll(".", "/")}`, value]),
  );
}

async function writeSettings(file: EventFile, settings: object): Promise<void> {
  const { stringify } = await import("yaml");
  const plain = JSON.parse(JSON.stringify(settings)) as object;
  const code = stringify(plain)
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}`);
  await file.text("settings", code.join("\n"), 0);
  const named = flatten(plain).map(([name, value]): [string, Setting] => [name, settingOf(value)]);
  await file.settings(Object.fromEntries(named), METRICS);
}

function settingOf(value: unknown): Setting {
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return value;
  return JSON.stringify(value);
}

const PNG_SIGNATURE = "89504e470d0a1a0a";

/** As its header tells. */
function sizeOf(tag: string, png: Uint8Array): { width: number; height: number } {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  if (bytes.length < 24 || bytes.toString("hex", 0, 8) !== PNG_SIGNATURE) {
    throw invalidArgument("pictures", `must be PNG files; ${tag} is none`);
  }
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}
