import type { Dataset, Sample } from "../data/dataset.js";
import type { Batch } from "../loader/batch.js";
import { DataLoader } from "../loader/data-loader.js";
import { givenLimits, imageLimitShape, type ImageLimitOptions } from "../image/limits.js";
import { evaluationTransforms } from "../image/presets.js";
import { invalidArgument } from "../errors.js";
import { ChannelHealthTally } from "../loss/channel-health.js";
import { evaluateFeatures } from "../models/evaluation.js";
import { holdModel, type Model } from "../models/model.js";
import type { AbortOptions } from "../native/abortable.js";
import { abortShape, callback, count, instanceOf, optionsOf, parseOptions } from "../schema.js";
import { tidy } from "../tensor/scope.js";
import { shown } from "../shown.js";

/** An image and how much it excites a channel. */
export interface Excitation<T extends Sample = Sample> {
  sample: T;
  /** The channel's largest activation on it. */
  activation: number;
}

const schema = optionsOf<ExcitingImagesOptions>({
  ...abortShape,
  ...imageLimitShape,
  count: count.optional(),
  batchSize: count.optional(),
  channels: instanceOf(ChannelHealthTally, "a ChannelHealthTally").optional(),
  onBatch: callback.optional(),
});

/** Options of {@link findExcitingImages}. */
export interface ExcitingImagesOptions extends AbortOptions, ImageLimitOptions {
  /** Images kept for each channel. Default 6. */
  count?: number;
  /** Default 32. */
  batchSize?: number;
  /** Adds up the health of the channels on the way. */
  channels?: ChannelHealthTally;
  /** Called after each batch. */
  onBatch?: (done: number, total: number) => void;
}

/**
 * For each of the features' channels the images that excite it most, the strongest first, in one pass over `images`.
 * Images on which a channel is nowhere above 0 do not excite it.
 */
export async function findExcitingImages<T extends Sample>(
  model: Model,
  images: Dataset<T>,
  given: ExcitingImagesOptions = {},
): Promise<Excitation<T>[][]> {
  const options = parseOptions(schema, given);
  const { count = 6, batchSize = 32, onBatch } = options;
  if (!Number.isSafeInteger(count) || count < 1) {
    throw invalidArgument("count", `must be a positive integer, got ${shown(count)}`);
  }
  using held = holdModel(model);
  const { device } = held;
  const loader = new DataLoader(images, {
    ...givenLimits(options),
    batchSize,
    device,
    transforms: evaluationTransforms(model),
  });
  const found: Excitation<T>[][] = [];
  let done = 0;
  for await (const batch of loader.batches({ signal: options.signal })) {
    using current = batch;
    const peaks = await peaksOf(held, current, options);
    const channels = peaks.length / current.size;
    current.samples.forEach((sample, position) => {
      for (let channel = 0; channel < channels; channel += 1) {
        const activation = peaks[position * channels + channel] ?? 0;
        insert((found[channel] ??= []), { sample, activation }, count);
      }
    });
    done += 1;
    onBatch?.(done, loader.length);
  }
  return found;
}

/** [N, C]: the largest activation of each channel on each image, in any of its views. */
function peaksOf(
  model: Model,
  { images, samples }: Batch,
  { signal, channels: tally }: ExcitingImagesOptions,
): Promise<Float32Array> {
  return tidy(async () => {
    const features = await evaluateFeatures(model, images, { signal });
    const [count = 0] = images.shape;
    const [all = 0, channels = 0] = features.shape;
    const views = all / count;
    tally?.add(
      features,
      samples.flatMap(({ label }) => new Array<number>(views).fill(label)),
    );
    const peaks = features.amax([2, 3]).to("float32").reshape([count, views, channels]).amax(1);
    return (await peaks.data()) as Float32Array;
  });
}

/** Into a list in falling order; of equal ones the first stays first. */
function insert<T extends Sample>(list: Excitation<T>[], entry: Excitation<T>, count: number): void {
  const weakest = list.length < count ? 0 : (list.at(-1)?.activation ?? 0);
  if (!(entry.activation > weakest)) return;
  const place = list.findIndex(({ activation }) => activation < entry.activation);
  list.splice(place < 0 ? list.length : place, 0, entry);
  list.length = Math.min(list.length, count);
}
