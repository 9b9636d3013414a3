import { checkFunction, checkInstance, checkList } from "../check-argument.js";
import { McLossError } from "../errors.js";
import { tensor, zeros } from "../tensor/creation.js";
import { noGrad } from "../tensor/grad-mode.js";
import { arange, cat, randint } from "../tensor/operators.js";
import { keep, tidy } from "../tensor/scope.js";
import { Generator, Tensor } from "../tensor/tensor.js";
import { ChannelGroups } from "./channel-groups.js";
import { meanCosine, meanIou } from "./channel-overlap.js";
import { HabitSummary, StrongestPlaces, type Habit } from "./strongest-places.js";

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
  /**
   * The share of images in which a channel's strongest place is the one where it is strongest most often, over all channels
   * and all images, whatever is in them. Near 1 a channel keeps to its place and does not look at the image;
   * diversity is then had by position alone. An image in which a channel is the same everywhere, such as 0, has no strongest
   * place and does not count.
   */
  habit: number;
  /** The same on the images of a channel's own class, with the place that is the most frequent one among these. */
  ownHabit: number;
  /** How many channels are never above 0. */
  dead: number;
  /** What the figures would be of channels that know nothing. */
  chance: ChannelChance;
}

/** What the figures of {@link ChannelHealth} are by chance. */
export interface ChannelChance {
  /**
   * Of the same maps, each moved by a random number of places, from the last to the first: what maps as sharp or as flat have
   * when no channel heeds another. The numbers are drawn once for each image and channel, and are always the same.
   */
  diversity: number;
  /** Of the same moved maps. */
  iou: number;
  /** Of the same moved maps. */
  cosine: number;
  /** Of channels that do not know their class: the class's share of the images. */
  alignment: number;
  /**
   * Of channels that are strongest at any of the P places alike. More than 1/P, as the most frequent place is chosen
   * afterwards; much more where images are few: 8 % of 30 images of 10 × 10 places, 1.5 % of 3,000.
   */
  habit: number;
  /** As `habit`, of the images of the channel's class alone. */
  ownHabit: number;
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

/** Figures of how channels share the places; their sums are of each class. */
type Spread = "diversity" | "iou" | "cosine";
/** What is summed in float64 on the CPU; `own`, `total` and `peak` of each channel, the others of each class. */
type Sum = Spread | `moved-${Spread}` | "own" | "total" | "peak" | "overlapping" | "paired";

/** Gathers {@link ChannelHealth} batch by batch. */
export class ChannelHealthTally {
  /** Which channels belong to which class. */
  readonly groups: ChannelGroups;
  readonly #sums: Record<Sum, Tensor>;
  /** Images of each class. */
  readonly #images: number[];
  /** The class that owns each channel: int64 [C]. */
  readonly #owners: Tensor;
  /** Draws by how much maps are moved; always the same numbers. */
  readonly #moves = new Generator(0);
  /** On all images, and on those of the channel's class; from the first batch on. */
  #strongest: { all: StrongestPlaces; own: StrongestPlaces } | undefined;

  constructor(groups: ChannelGroups) {
    checkInstance("groups", groups, ChannelGroups, "ChannelGroups");
    this.groups = groups;
    const { classes, channels } = groups;
    const sum = (count: number) => keep(zeros([count], { dtype: "float64" }));
    this.#sums = {
      own: sum(channels),
      total: sum(channels),
      peak: sum(channels),
      diversity: sum(classes),
      iou: sum(classes),
      cosine: sum(classes),
      "moved-diversity": sum(classes),
      "moved-iou": sum(classes),
      "moved-cosine": sum(classes),
      overlapping: sum(classes),
      paired: sum(classes),
    };
    this.#images = new Array<number>(classes).fill(0);
    this.#owners = keep(tensor(Int32Array.from(groups.owners()), { dtype: "int64" }));
  }

  /**
   * Adds features [N, C, H, W] of images with these labels.
   * @throws McLossError ERR_SHAPE, also where an earlier batch had another H·W
   */
  add(features: Tensor, labels: readonly number[]): void {
    checkInstance("features", features, Tensor, "a Tensor");
    checkList("labels", labels, "classes");
    const [samples = 0, channels, height = 0, width = 0] = features.shape;
    const places = height * width;
    if (features.ndim !== 4 || channels !== this.groups.channels || samples !== labels.length) {
      const wanted = `[${labels.length}, ${this.groups.channels}, H, W]`;
      throw shapeError(`must have shape ${wanted}, got [${features.shape.join(", ")}]`);
    }
    const before = this.#strongest?.all.places ?? places;
    if (places !== before) throw shapeError(`must have ${before} places as before, got ${height} × ${width}`);
    for (const label of labels) this.#images[label] = (this.#images[label] ?? 0) + 1;
    const exact = features.dtype === "float64" ? features : features.to("float32");
    tidy(() => noGrad(() => this.#add(exact.reshape([samples, channels, places]), labels)));
  }

  #add(features: Tensor, labels: readonly number[]): void {
    const { own, total, peak } = this.#sums;
    const activation = features.relu().sum(2).to("float64").to("cpu");
    const truth = tensor(Int32Array.from(labels), { shape: [labels.length, 1], dtype: "int64" });
    const isOwn = truth.eq(this.#owners);
    total.add_(activation.sum(0));
    own.add_(activation.mul(isOwn).sum(0));
    peak.copy_(peak.maximum(features.amax([0, 2]).to("float64").to("cpu")));
    this.#addStrongest(features, isOwn);

    const attention = features.softmax(2);
    this.#addSpread(features, attention, labels, "");
    const index = this.#moved(features.shape).to(features.device);
    this.#addSpread(features.gather(2, index), attention.gather(2, index), labels, "moved-");
  }

  #addStrongest(features: Tensor, isOwn: Tensor): void {
    const [, channels = 0, places = 0] = features.shape;
    this.#strongest ??= {
      all: new StrongestPlaces(channels, places),
      own: new StrongestPlaces(channels, places),
    };
    const place = features.argmax(2).to("cpu");
    const hasOne = features.amax(2).gt(features.amin(2)).to("float64").to("cpu");
    this.#strongest.all.add(place, hasOne);
    this.#strongest.own.add(place, hasOne.mul(isOwn));
  }

  /** Where the values of maps [N, C, P] come from when each is moved by a number of places of its own. */
  #moved(shape: readonly number[]): Tensor {
    const [samples = 0, channels = 0, places = 0] = shape;
    const by = randint(places, [samples, channels, 1], { dtype: "int64", generator: this.#moves });
    return by.add(arange(places, { dtype: "int64" })).remainder(places);
  }

  /** Adds diversity, and of images of the class the overlap, to the sums of this prefix. */
  #addSpread(features: Tensor, attention: Tensor, labels: readonly number[], prefix: "" | "moved-"): void {
    const [samples = 0, , places = 0] = features.shape;
    let [firstClass, firstChannel] = [0, 0];
    const diversities = this.groups.blocks.map(({ classes, channels }) => {
      const block = attention.narrow(1, firstChannel, classes * channels);
      const members = labels.flatMap((label, sample) =>
        label >= firstClass && label < firstClass + classes ? [{ label, sample }] : [],
      );
      if (channels > 1 && members.length > 0) {
        this.#addOverlap(features, attention, members, channels, prefix);
      }
      firstClass += classes;
      firstChannel += classes * channels;
      const perClass = block.reshape([samples, classes, channels, places]);
      return perClass.amax(2).sum([0, 2]).div(channels);
    });
    this.#sums[`${prefix}diversity`].add_(cat(diversities).to("float64").to("cpu"));
  }

  /** @param members images of classes with `channels` channels each */
  #addOverlap(
    features: Tensor,
    attention: Tensor,
    members: readonly { label: number; sample: number }[],
    channels: number,
    prefix: "" | "moved-",
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
    gather(`${prefix}iou`, iou);
    gather(`${prefix}cosine`, meanCosine(ownOf(attention)));
    if (prefix !== "") return;
    // Moved maps are as many.
    gather("overlapping", counted);
    gather("paired", counted.mul(0).add(1));
  }

  /**
   * @internal Makes it the tally of several, each of its own images.
   * @param reduce makes a tensor, in place, what those of all become
   */
  async combine(reduce: (tensor: Tensor, op: "sum" | "max") => Promise<void>): Promise<void> {
    checkFunction("reduce", reduce);
    for (const [name, sum] of Object.entries(this.#sums)) await reduce(sum, name === "peak" ? "max" : "sum");
    using images = tensor(Float64Array.from(this.#images));
    await reduce(images, "sum");
    ((await images.data()) as Float64Array).forEach((count, index) => (this.#images[index] = count));
    if (!this.#strongest) return;
    for (const places of Object.values(this.#strongest))
      await places.combine((counts) => reduce(counts, "sum"));
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
    const habits = await this.#readHabits();
    const all = Array.from({ length: this.groups.classes }, (_, k) => k);
    const overall = this.#summarise(sums, habits, all);
    const perClass = all.map((k) => ({
      ...this.#summarise(sums, habits, [k]),
      images: this.#images[k] ?? 0,
      channels: this.groups.channelsOf(k).count,
    }));
    return { overall, perClass };
  }

  async #readHabits(): Promise<Habits | undefined> {
    if (!this.#strongest) return undefined;
    const { all, own } = this.#strongest;
    return {
      all: new HabitSummary(await all.read(), all.places),
      own: new HabitSummary(await own.read(), own.places),
    };
  }

  /** Of some of the classes. */
  #summarise(
    sums: Record<Sum, Float64Array>,
    habits: Habits | undefined,
    classes: readonly number[],
  ): ChannelHealth {
    const sumOf = (sum: Sum) => classes.reduce((total, k) => total + (sums[sum][k] ?? 0), 0);
    const images = this.#images.reduce((total, count) => total + count, 0);
    const channels = classes.flatMap((k) => {
      const { start, count } = this.groups.channelsOf(k);
      return Array.from({ length: count }, (_, channel) => ({ channel: start + channel, of: k }));
    });
    const live = channels.filter(({ channel }) => (sums.peak[channel] ?? 0) > 0);
    const shares = live.map(({ channel }) => (sums.own[channel] ?? 0) / (sums.total[channel] ?? 1));
    const byChance = live.map(({ of }) => ratio(this.#images[of] ?? 0, images));
    const spread = (prefix: "" | "moved-") => ({
      diversity: ratio(sumOf(`${prefix}diversity`), images * classes.length),
      iou: ratio(sumOf(`${prefix}iou`), sumOf("overlapping")),
      cosine: ratio(sumOf(`${prefix}cosine`), sumOf("paired")),
    });
    const numbers = channels.map(({ channel }) => channel);
    const habit = habits?.all.of(numbers) ?? NO_HABIT;
    const ownHabit = habits?.own.of(numbers) ?? NO_HABIT;
    return {
      ...spread(""),
      alignment: mean(shares),
      habit: habit.share,
      ownHabit: ownHabit.share,
      dead: channels.length - live.length,
      chance: {
        ...spread("moved-"),
        alignment: mean(byChance),
        habit: habit.chance,
        ownHabit: ownHabit.chance,
      },
    };
  }

  /** Frees the sums. May be called again. */
  dispose(): void {
    this.#owners.dispose();
    this.#moves.dispose();
    this.#strongest?.all.dispose();
    this.#strongest?.own.dispose();
    for (const sum of Object.values(this.#sums)) sum.dispose();
  }

  /** Calls dispose(): for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Habits {
  all: HabitSummary;
  own: HabitSummary;
}

const NO_HABIT: Habit = { share: 0, chance: 0 };

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function mean(values: readonly number[]): number {
  return ratio(
    values.reduce((sum, value) => sum + value, 0),
    values.length,
  );
}

function shapeError(problem: string): McLossError {
  return new McLossError("ERR_SHAPE", `features ${problem}`, { argument: "features" });
}
