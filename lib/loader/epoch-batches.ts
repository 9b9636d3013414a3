import type { LimitFunction } from "p-limit";
import { McLossError } from "../errors.js";
import { reasonOf } from "../system-error.js";
import type { Device } from "../native/dtype.js";
import type { Precision } from "../tensor/precision.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Augmentation } from "../image/augmentation.js";
import type { BadImagePolicy, SkippedImage } from "./bad-images.js";
import { Batch } from "./batch.js";
import type { QueuedSample, SampleQueue } from "./sample-queue.js";
import type { Sample } from "../data/dataset.js";
import type { Pipeline } from "../image/pipeline.js";
import { PixelBuffers } from "../image/pixel-buffers.js";
import { batchBytes, sendBatch, type BatchTransfer } from "../image/pixels-to-tensor.js";
import { randomAt } from "../image/random.js";
import { groupReadable } from "./group-readable.js";
import type { SampleReader } from "./sample-reader.js";

export interface EpochBatchesOptions {
  batchSize: number;
  device: Device;
  /** Of the images. */
  dtype: Precision;
  onBadImage: BadImagePolicy;
  /** Bounds how many samples are read at once. */
  limit: LimitFunction;
}

/** What a portion of an epoch's samples became, in order: mostly one batch. */
export type Portion<T extends Sample> = Made<T>[];

interface Made<T extends Sample> {
  /** Absent where nothing was readable. */
  prepared?: PreparedBatch<T>;
  /** What could not be read since the batch before. Reported at its turn, so that the order is not one of timing. */
  unreadable: SkippedImage[];
  /** What was read as far as it could be, likewise. */
  repaired: SkippedImage[];
  /** The position after the last sample. */
  end: number;
}

type Entry<T> = Readable<T> | Unreadable;

interface Readable<T> {
  readable: true;
  position: number;
  sample: T;
  augmentation: Augmentation;
  repaired: SkippedImage | undefined;
  pixels: Uint8Array;
}

interface Unreadable extends SkippedImage {
  readable: false;
  position: number;
}

/** A batch on its way to the device. */
export class PreparedBatch<T extends Sample> {
  readonly #transfer: BatchTransfer;
  readonly #samples: readonly T[];
  readonly #release: () => void;

  /** @param release ends the transfer, once it was joined */
  constructor(transfer: BatchTransfer, samples: readonly T[], release: () => void) {
    this.#transfer = transfer;
    this.#samples = samples;
    this.#release = release;
  }

  /** The batch, once. */
  async join(): Promise<Batch<T>> {
    const { images, labels } = await this.#transfer.join();
    this.#release();
    return new Batch(images, labels as Tensor, this.#samples);
  }

  dispose(): void {
    this.#transfer.dispose();
  }
}

interface EpochPlan {
  epoch: number;
  seed: number;
  queue: SampleQueue;
}

/** One epoch's batches: samples are read into a buffer, a batch at a time, and the device prepares it. */
export class EpochBatches<T extends Sample> {
  readonly #reader: SampleReader<T>;
  readonly #pipeline: Pipeline;
  readonly #options: EpochBatchesOptions;
  readonly #plan: EpochPlan;
  readonly #buffers: PixelBuffers;
  /** What the portions so far left over, which are fewer readable samples than a batch has. */
  #rest: Promise<Entry<T>[]> = Promise.resolve([]);
  readonly #stopped: Promise<never>;
  #stop!: (reason: unknown) => void;
  #running = true;

  constructor(reader: SampleReader<T>, pipeline: Pipeline, options: EpochBatchesOptions, plan: EpochPlan) {
    this.#reader = reader;
    this.#pipeline = pipeline;
    this.#options = options;
    this.#plan = plan;
    this.#buffers = new PixelBuffers(batchBytes(pipeline, options.batchSize), options.device);
    this.#stopped = new Promise((_, reject) => (this.#stop = reject));
    this.#stopped.catch(() => undefined);
  }

  /** What makes the next portion, or undefined where there is none for now. */
  next(): (() => Promise<Portion<T>>) | undefined {
    const samples = this.#running ? this.#plan.queue.next() : undefined;
    return samples && (() => this.#make(samples));
  }

  /** After the last portion: what was left over, as a batch that is not full. */
  async finish(dropLast: boolean): Promise<Portion<T>> {
    const rest = await this.#rest;
    if (rest.length === 0) return [];
    if (dropLast) return [{ unreadable: rest.filter((entry) => !entry.readable), repaired: [], end: 0 }];
    return [await this.#prepare(rest)];
  }

  /** Rejects what is waited for. Reading that has begun goes on, into buffers that nobody looks at any more. */
  stop(reason: unknown): void {
    this.#running = false;
    this.#stop(reason);
  }

  async #make(samples: readonly QueuedSample[]): Promise<Portion<T>> {
    const buffer = this.#buffers.lend();
    const read = this.#read(samples, buffer);
    // It may fail before anyone waits for it.
    read.catch(() => undefined);
    const before = this.#rest;
    const grouped = (async () => this.#group(await before, await read, buffer))();
    this.#rest = grouped.then(({ rest }) => rest);
    // It fails with the portion, which is where that is reported.
    this.#rest.catch(() => undefined);
    const portion: Portion<T> = [];
    try {
      for (const { entries, pixels } of (await grouped).groups) {
        portion.push(await this.#prepare(entries, pixels));
      }
      return portion;
    } catch (error) {
      for (const { prepared } of portion) prepared?.dispose();
      throw error;
    }
  }

  async #read(samples: readonly QueuedSample[], buffer: Uint8Array): Promise<Entry<T>[]> {
    const bytes = this.#pipeline.sampleBytes;
    const reading = samples.map((sample, slot) =>
      this.#options.limit(() => this.#readOne(sample, buffer.subarray(slot * bytes, (slot + 1) * bytes))),
    );
    const settled = await Promise.race([Promise.allSettled(reading), this.#stopped]);
    return settled.map((result) => {
      // The first in order rather than in time.
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  async #readOne({ index, occurrence, position }: QueuedSample, pixels: Uint8Array): Promise<Entry<T>> {
    if (!this.#running) await this.#stopped;
    const { epoch, seed, queue } = this.#plan;
    const sample = this.#reader.sample(index);
    const random = occurrence > 0 ? randomAt(seed, epoch, index, occurrence) : randomAt(seed, epoch, index);
    try {
      const { augmentation, repaired: reason } = await this.#reader.read(sample, index, random, pixels);
      const repaired = reason === undefined ? undefined : { index, path: sample.path, reason };
      return { readable: true, position, sample, augmentation, repaired, pixels };
    } catch (error) {
      const skipped = this.#options.onBadImage !== "error" && error instanceof McLossError;
      if (!skipped || error.code !== "ERR_IMAGE") throw error;
      queue.reportUnreadable();
      const reason = reasonOf(error.cause ?? error);
      return { readable: false, position, index, path: sample.path, reason };
    }
  }

  #group(before: Entry<T>[], read: Entry<T>[], buffer: Uint8Array) {
    const { batchSize } = this.#options;
    const { groups, rest } = groupReadable(before, read, batchSize);
    // As nearly always: the portion is a batch, in its place already.
    if (before.length === 0 && rest.length === 0 && groups.length === 1 && read.length === batchSize) {
      return { groups: [{ entries: read, pixels: buffer }], rest };
    }
    const moved = {
      groups: groups.map((entries) => ({ entries, pixels: this.#gather(entries) })),
      rest: rest.map((entry) =>
        entry.readable && read.includes(entry) ? { ...entry, pixels: entry.pixels.slice() } : entry,
      ),
    };
    this.#buffers.takeBack(buffer);
    return moved;
  }

  #gather(entries: readonly Entry<T>[]): Uint8Array {
    const pixels = this.#buffers.lend();
    const bytes = this.#pipeline.sampleBytes;
    entries
      .filter((entry) => entry.readable)
      .forEach((entry, slot) => pixels.set(entry.pixels, slot * bytes));
    return pixels;
  }

  async #prepare(entries: readonly Entry<T>[], pixels?: Uint8Array): Promise<Made<T>> {
    const read = entries.filter((entry) => entry.readable);
    const unreadable = entries
      .filter((entry) => !entry.readable)
      .map(({ index, path, reason }) => ({ index, path, reason }));
    const end = (entries.at(-1)?.position ?? -1) + 1;
    const repaired = read.map((entry) => entry.repaired).filter((image) => image !== undefined);
    if (read.length === 0) return { unreadable, repaired, end };
    const buffer = pixels ?? this.#gather(entries);
    const samples = read.map(({ sample }) => sample);
    const transfer = await sendBatch(
      this.#pipeline,
      {
        pixels: buffer.subarray(0, read.length * this.#pipeline.sampleBytes),
        augmentations: read.map(({ augmentation }) => augmentation),
        labels: Int32Array.from(samples, ({ label }) => label),
        memory: buffer,
      },
      this.#options,
    );
    return {
      prepared: new PreparedBatch(transfer, samples, this.#releaseAfter(transfer, buffer)),
      unreadable,
      repaired,
      end,
    };
  }

  /** Gives back the batch's memory when it is no longer read: on the CPU, now. */
  #releaseAfter(transfer: BatchTransfer, buffer: Uint8Array): () => void {
    if (!transfer.isOver) return () => this.#buffers.takeBack(buffer, transfer);
    this.#buffers.takeBack(buffer);
    return () => transfer.dispose();
  }
}
