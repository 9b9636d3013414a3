import { McLossError } from "../errors.js";
import { tensor, zeros } from "../tensor/creation.js";
import { noGrad } from "../tensor/grad-mode.js";
import { cat } from "../tensor/operators.js";
import { keep, tidy } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ChannelGroups } from "./channel-groups.js";

/** How well channels are shared among the classes and the places, over a set of images. */
export interface ChannelHealth {
  /**
   * h/ξ, from 1/ξ (a class's channels look at the same place) to 1 (each at another): mean over all images and classes,
   * so that L_div is 1 minus it.
   */
  diversity: number;
  /**
   * Intersection over union of what two channels of a class cover on images of the class, from 0 to 1: mean over pairs,
   * then images. A channel covers the places where it has at least a fifth of its maximum on the image (the threshold of
   * CAM, Zhou et al. 2016). 0 where a class has one channel.
   */
  iou: number;
  /** Cosine of two channels' softmaxes over the places, of the same pairs. */
  cosine: number;
  /**
   * The share of a channel's activation that falls on images of its own class: mean over the channels that are not dead.
   * A channel that does not know its class has that class's share of the images.
   */
  alignment: number;
  /** How many channels are never above 0. */
  dead: number;
}

/** The health of one class's channels. */
export interface ClassChannelHealth extends ChannelHealth {
  /** Of the class. Overlap needs at least one: without, `iou` and `cosine` are 0. */
  images: number;
  /** ξ */
  channels: number;
}

/** What {@link ChannelHealthTally.result} gives. */
export interface ChannelHealthReport {
  overall: ChannelHealth;
  /** By class number. */
  perClass: ClassChannelHealth[];
}

const COVERED = 0.2;
/** What is summed, in float64 on the CPU: of each channel, then of each class. */
type Sum = "own" | "total" | "strongest" | "diversity" | "iou" | "overlapping" | "cosine" | "paired";

/** Gathers {@link ChannelHealth} batch by batch. */
export class ChannelHealthTally {
  /** Which channels belong to which class. */
  readonly groups: ChannelGroups;
  readonly #sums: Record<Sum, Tensor>;
  /** Images of each class. */
  readonly #images: number[];
  /** The class that owns each channel: int64 [C]. */
  readonly #owners: Tensor;

  constructor(groups: ChannelGroups) {
    this.groups = groups;
    const { classes, channels } = groups;
    const sum = (count: number) => keep(zeros([count], { dtype: "float64" }));
    this.#sums = {
      own: sum(channels),
      total: sum(channels),
      strongest: sum(channels),
      diversity: sum(classes),
      iou: sum(classes),
      overlapping: sum(classes),
      cosine: sum(classes),
      paired: sum(classes),
    };
    this.#images = new Array<number>(classes).fill(0);
    this.#owners = keep(tensor(Int32Array.from(groups.owners()), { dtype: "int64" }));
  }

  /**
   * Adds features [N, C, H, W] of images with these labels.
   * @throws McLossError ERR_SHAPE
   */
  add(features: Tensor, labels: readonly number[]): void {
    const [samples, channels, height = 0, width = 0] = features.shape;
    if (features.ndim !== 4 || channels !== this.groups.channels || samples !== labels.length) {
      const wanted = `[${labels.length}, ${this.groups.channels}, H, W]`;
      throw new McLossError(
        "ERR_SHAPE",
        `features must have shape ${wanted}, got [${features.shape.join(", ")}]`,
        {
          argument: "features",
        },
      );
    }
    for (const label of labels) this.#images[label] = (this.#images[label] ?? 0) + 1;
    const exact = features.dtype === "float64" ? features : features.to("float32");
    tidy(() => noGrad(() => this.#add(exact.reshape([samples, channels, height * width]), labels)));
  }

  #add(features: Tensor, labels: readonly number[]): void {
    const { own, total, strongest } = this.#sums;
    const activation = features.relu().sum(2).to("float64").to("cpu");
    const truth = tensor(Int32Array.from(labels), { shape: [labels.length, 1], dtype: "int64" });
    total.add_(activation.sum(0));
    own.add_(activation.mul(truth.eq(this.#owners)).sum(0));
    strongest.copy_(strongest.maximum(features.amax([0, 2]).to("float64").to("cpu")));

    const attention = features.softmax(2);
    let [firstClass, firstChannel] = [0, 0];
    const diversities = this.groups.blocks.map(({ classes, channels }) => {
      const block = attention.narrow(1, firstChannel, classes * channels);
      const members = labels.flatMap((label, sample) =>
        label >= firstClass && label < firstClass + classes ? [{ label, sample }] : [],
      );
      if (channels > 1 && members.length > 0) this.#addOverlap(features, attention, members, channels);
      firstClass += classes;
      firstChannel += classes * channels;
      const [samples = 0, , places = 0] = features.shape;
      const perClass = block.reshape([samples, classes, channels, places]);
      return perClass.amax(2).sum([0, 2]).div(channels);
    });
    this.#sums.diversity.add_(cat(diversities).to("float64").to("cpu"));
  }

  /** @param members images of classes with `channels` channels each */
  #addOverlap(
    features: Tensor,
    attention: Tensor,
    members: readonly { label: number; sample: number }[],
    channels: number,
  ): void {
    const [, all = 0, places = 0] = features.shape;
    const rows = members.flatMap(({ label, sample }) => {
      const { start } = this.groups.channelsOf(label);
      return Array.from({ length: channels }, (_, channel) => sample * all + start + channel);
    });
    const index = tensor(Int32Array.from(rows), { dtype: "int64" }).to(features.device);
    const ownOf = (maps: Tensor) =>
      maps.reshape([-1, places]).indexSelect(0, index).reshape([members.length, channels, places]);
    const classes = tensor(
      Int32Array.from(members, ({ label }) => label),
      { dtype: "int64" },
    );
    const gather = (sum: Sum, perImage: Tensor) =>
      this.#sums[sum].indexAdd_(0, classes, perImage.to("float64").to("cpu"));

    const { mean: iou, counted } = meanIou(ownOf(features));
    gather("iou", iou);
    gather("overlapping", counted);
    gather("cosine", meanCosine(ownOf(attention)));
    gather("paired", counted.mul(0).add(1));
  }

  /** What the batches so far amount to. */
  async result(): Promise<ChannelHealthReport> {
    const sums = Object.fromEntries(
      await Promise.all(
        Object.entries(this.#sums).map(
          async ([name, sum]) => [name, (await sum.data()) as Float64Array] as const,
        ),
      ),
    ) as Record<Sum, Float64Array>;
    const images = this.#images.reduce((sum, count) => sum + count, 0);
    const all = Array.from({ length: this.groups.classes }, (_, k) => k);
    const overall = this.#summarise(sums, all, images);
    const perClass = all.map((k) => ({
      ...this.#summarise(sums, [k], images),
      images: this.#images[k] ?? 0,
      channels: this.groups.channelsOf(k).count,
    }));
    return { overall, perClass };
  }

  /** Of some of the classes. */
  #summarise(sums: Record<Sum, Float64Array>, classes: readonly number[], images: number): ChannelHealth {
    const sumOf = (sum: Sum) => classes.reduce((total, k) => total + (sums[sum][k] ?? 0), 0);
    const channels = classes.flatMap((k) => {
      const { start, count } = this.groups.channelsOf(k);
      return Array.from({ length: count }, (_, channel) => start + channel);
    });
    const live = channels.filter((channel) => (sums.strongest[channel] ?? 0) > 0);
    const shares = live.map((channel) => (sums.own[channel] ?? 0) / (sums.total[channel] ?? 1));
    return {
      diversity: ratio(sumOf("diversity"), images * classes.length),
      iou: ratio(sumOf("iou"), sumOf("overlapping")),
      cosine: ratio(sumOf("cosine"), sumOf("paired")),
      alignment: ratio(
        shares.reduce((sum, share) => sum + share, 0),
        live.length,
      ),
      dead: channels.length - live.length,
    };
  }

  /** Frees the sums. May be called again. */
  dispose(): void {
    this.#owners.dispose();
    for (const sum of Object.values(this.#sums)) sum.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * @param maps [M, ξ, P]
 * @returns for each of the M images the mean over pairs of which one channel covers something, and 1; or 0 and 0
 */
function meanIou(maps: Tensor): { mean: Tensor; counted: Tensor } {
  const threshold = maps.amax(2, { keepdim: true }).mul(COVERED);
  const covered = maps.ge(threshold).logicalAnd(maps.gt(0)).to(maps.dtype);
  const shared = covered.bmm(covered.transpose(1, 2));
  const areas = covered.sum(2);
  const union = areas.unsqueeze(2).add(areas.unsqueeze(1)).sub(shared);
  const pairs = union.gt(0).to(maps.dtype).triu(1);
  const sum = shared.div(union.clampMin(1)).mul(pairs).sum([1, 2]);
  const count = pairs.sum([1, 2]);
  return { mean: sum.div(count.clampMin(1)), counted: count.gt(0).to(maps.dtype) };
}

/** @param maps [M, ξ, P], not negative @returns [M] mean cosine of the pairs of channels */
function meanCosine(maps: Tensor): Tensor {
  const [, channels = 0] = maps.shape;
  const unit = maps.div(maps.norm(2, 2, { keepdim: true }));
  const pairs = (channels * (channels - 1)) / 2;
  return unit.bmm(unit.transpose(1, 2)).triu(1).sum([1, 2]).div(pairs);
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
