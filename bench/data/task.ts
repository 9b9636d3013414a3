import { monitorEventLoopDelay } from "node:perf_hooks";
import { DataLoader, ImageFolder, type Dataset } from "mutual-channel-loss";
import {
  normalize,
  randomCrop,
  randomHorizontalFlip,
  resize,
  type DataLoaderOptions,
} from "mutual-channel-loss/data";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { buildPipeline } from "#lib/image/pipeline.js";
import { planSample } from "#lib/image/plan.js";
import { randomAt } from "#lib/image/random.js";
import { native } from "#lib/native/binding.js";
import sharp from "sharp";

/** The shorter side to `resize`, a random crop, a flip. */
export interface Task {
  name: string;
  folder: string;
  /** How often an epoch has each image, so that it lasts a second. */
  passes: number;
  resize: number;
  crop: number;
  batchSize: number;
}

/** What one epoch took. */
export interface Epoch {
  images: number;
  seconds: number;
  cpuSeconds: number;
  /** 99th percentile of how late the event loop was, in ms. */
  delay?: number;
}

const RESOLUTION = 1;

function transformsOf({ resize: shorter, crop }: Task) {
  return [resize(shorter), randomCrop(crop), randomHorizontalFlip(), normalize()];
}

async function openImages({ folder, passes }: Task): Promise<Dataset> {
  const images = await ImageFolder.open(folder);
  return {
    length: passes * images.length,
    classes: images.classes,
    sample: (i: number) => images.sample(i % images.length),
  };
}

/** An epoch of this package's loader; call it again for the next one. */
export async function openEpochs(
  task: Task,
  options: Pick<DataLoaderOptions, "workers" | "cache" | "cacheBytes">,
): Promise<() => Promise<Epoch>> {
  const loader = new DataLoader(await openImages(task), {
    batchSize: task.batchSize,
    transforms: transformsOf(task),
    shuffle: true,
    ...options,
  });
  return () => measure(() => readAll(loader));
}

async function readAll(loader: DataLoader): Promise<number> {
  let images = 0;
  for await (const batch of loader) {
    images += batch.size;
    batch.dispose();
  }
  return images;
}

/**
 * Images/s of a loader on so many cores, which need not be there: each image, whose decoding takes next to nothing, holds a
 * thread for `milliseconds` first.
 */
export async function simulateCores(cores: number, milliseconds: number, images: number): Promise<number> {
  const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: "#888" } })
    .jpeg()
    .toBuffer();
  native().imageThreads(cores);
  const source = async () => {
    await native().holdImageThread(milliseconds);
    return bytes;
  };
  const dataset = {
    length: images,
    classes: ["any"],
    sample: (i: number) => ({ path: `${i}`, label: 0, source }),
  };
  const loader = new DataLoader(dataset, {
    batchSize: 32,
    prefetch: 4,
    transforms: [resize({ height: 8, width: 8 }), normalize()],
    cacheBytes: 0,
    workers: cores,
  });
  await readAll(loader);
  const { seconds } = await measure(() => readAll(loader));
  return images / seconds;
}

/** The same images, decoded, resized and cropped only. */
export async function openDecoding(task: Task, workers: number): Promise<() => Promise<Epoch>> {
  const images = await openImages(task);
  const pipeline = buildPipeline(transformsOf(task));
  let epoch = 0;
  return () =>
    measure(async () => {
      epoch += 1;
      let next = 0;
      const work = async () => {
        const pixels = new Uint8Array(pipeline.sampleBytes);
        for (let index = next++; index < images.length; index = next++) {
          const { path } = images.sample(index);
          const image = new EncodedImage(path);
          const { decode } = await planSample(pipeline, randomAt(epoch, index), image);
          await image.decode(decode, pixels);
        }
      };
      await Promise.all(Array.from({ length: workers }, work));
      return images.length;
    });
}

async function measure(run: () => Promise<number>): Promise<Epoch> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  const cpu = process.cpuUsage();
  const started = performance.now();
  const images = await run();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  delays.disable();
  // The monitor's own interval is part of what it measures.
  return {
    images,
    seconds,
    cpuSeconds: (user + system) / 1e6,
    delay: delays.percentile(99) / 1e6 - RESOLUTION,
  };
}
