import type { ImageLimitOptions } from "../image/limits.js";
import { evaluationTransforms } from "../image/presets.js";
import type { Dataset, Sample } from "../data/dataset.js";
import { DataLoader } from "../loader/data-loader.js";
import type { Model } from "../models/model.js";
import type { AbortOptions } from "../native/abortable.js";
import { evaluate, type Evaluation } from "../train/evaluate.js";

/** Two classes that are taken for one another. */
export interface ConfusedPair {
  /** By number, the one that is mistaken more often first. */
  classes: readonly [number, number];
  /** Images of the first taken for the second, and of the second taken for the first. */
  counts: readonly [number, number];
  mistakes: Judged[];
}

/** An image and the class that it was taken for. */
export interface Judged {
  sample: Sample;
  predicted: number;
}

/** What a model gets wrong. */
export interface Confusions {
  evaluation: Evaluation;
  /** The most confused first. */
  pairs: ConfusedPair[];
  /** Of each class in the pairs an image that was recognised, where there is one. */
  recognised: Map<number, Sample>;
}

/** Options of {@link findConfusions}. */
export interface FindConfusionsOptions extends AbortOptions {
  limits?: ImageLimitOptions;
  pairs: number;
  mistakesPerPair: number;
  onBatch?: (done: number, total: number) => void;
}

const BATCH_SIZE = 64;

/** Judges every image, and finds the classes that are confused most. Images that cannot be read are left out. */
export async function findConfusions(
  model: Model,
  images: Dataset,
  options: FindConfusionsOptions,
): Promise<Confusions> {
  const { pairs, mistakesPerPair, limits, ...rest } = options;
  const transforms = evaluationTransforms(model);
  const { device } = model;
  const how = { batchSize: BATCH_SIZE, onBadImage: "skip" } as const;
  const loader = new DataLoader(images, { ...limits, ...how, transforms, device });
  const judged: Judged[] = [];
  const onSamples = (samples: readonly Sample[], predicted: readonly number[]) => {
    samples.forEach((sample, i) => judged.push({ sample, predicted: predicted[i] ?? -1 }));
  };
  const loss = model.groups ? {} : "ce";
  const evaluation = await evaluate(model, loader, { ...rest, loss, onSamples });
  const confused = rankPairs(evaluation.confusion).slice(0, pairs);
  return {
    evaluation,
    pairs: confused.map((pair) => ({
      ...pair,
      mistakes: mistakesOf(pair, judged).slice(0, mistakesPerPair),
    })),
    recognised: new Map(
      judged
        .filter(({ sample, predicted }) => sample.label === predicted)
        .reverse()
        .map(({ sample }) => [sample.label, sample]),
    ),
  };
}

type RankedPair = Omit<ConfusedPair, "mistakes">;

function rankPairs(confusion: readonly (readonly number[])[]): RankedPair[] {
  const count = (truth: number, predicted: number) => confusion[truth]?.[predicted] ?? 0;
  return confusion
    .flatMap((_, a) => {
      return confusion.slice(0, a).map((_row, b): RankedPair => {
        const [first, second] = count(a, b) > count(b, a) ? [a, b] : [b, a];
        return { classes: [first, second], counts: [count(first, second), count(second, first)] };
      });
    })
    .filter(({ counts }) => counts[0] > 0)
    .sort((x, y) => y.counts[0] + y.counts[1] - x.counts[0] - x.counts[1]);
}

function mistakesOf({ classes }: RankedPair, judged: readonly Judged[]): Judged[] {
  const [a, b] = classes;
  return judged.filter(({ sample: { label }, predicted }) => {
    return (label === a && predicted === b) || (label === b && predicted === a);
  });
}
