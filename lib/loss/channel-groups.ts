import { checkList, checkRecord } from "../check-argument.js";
import { invalidArgument } from "../errors.js";
import { count, must } from "../schema.js";
import { shown } from "../shown.js";

/** A run of `classes` consecutive classes that own `channels` consecutive channels each. */
export interface ChannelBlock {
  /** How many classes. */
  classes: number;
  /** ξ: how many channels each of them owns. */
  channels: number;
}

/** ξ is counted in 16 bits by the operator. */
const MOST_CHANNELS = 2 ** 15 - 1;

/** ξ of a network's options. */
export const ownChannels = count.max(MOST_CHANNELS, must(`at most ${MOST_CHANNELS}`));

/**
 * Which channels belong to which class: class k owns ξ_k consecutive channels (MC-Loss paper, section III-A).
 * Stored as runs of classes with equal ξ, in channel order.
 */
export class ChannelGroups {
  /** Runs of classes with equal ξ, in channel order. */
  readonly blocks: readonly Readonly<ChannelBlock>[];
  /** K, the number of classes. */
  readonly classes: number;
  /** C, the number of channels: the sum of ξ_k over the classes. */
  readonly channels: number;

  private constructor(blocks: readonly ChannelBlock[]) {
    checkList("blocks", blocks, "{ classes, channels }, with at least one", 1);
    blocks.forEach((block, index) => {
      checkRecord(`blocks[${index}]`, block, "{ classes, channels }");
      checkCount(`blocks[${index}].classes`, block.classes);
      checkCount(`blocks[${index}].channels`, block.channels);
      if (block.channels > MOST_CHANNELS) {
        const text = `must be at most ${MOST_CHANNELS}, got ${block.channels}: a class cannot own more channels`;
        throw invalidArgument(`blocks[${index}].channels`, text);
      }
    });
    this.blocks = Object.freeze(blocks.map(({ classes, channels }) => Object.freeze({ classes, channels })));
    this.classes = blocks.reduce((sum, block) => sum + block.classes, 0);
    this.channels = blocks.reduce((sum, block) => sum + block.classes * block.channels, 0);
  }

  /** Every class owns the same number of channels ξ. */
  static uniform(classes: number, channelsPerClass: number): ChannelGroups {
    checkCount("classes", classes);
    checkCount("channelsPerClass", channelsPerClass);
    return new ChannelGroups([{ classes, channels: channelsPerClass }]);
  }

  /**
   * Shares `channels` among `classes`: the first K − (C mod K) classes own ⌊C/K⌋ channels, the rest one more.
   * 2048 channels and 200 classes give 152 × 10 and 48 × 11.
   */
  static split(channels: number, classes: number): ChannelGroups {
    checkCount("channels", channels);
    checkCount("classes", classes);
    if (channels < classes) {
      throw invalidArgument("channels", `(${channels}) must be at least the number of classes (${classes})`);
    }
    const larger = channels % classes;
    const smallest = Math.floor(channels / classes);
    const blocks = [{ classes: classes - larger, channels: smallest }];
    if (larger > 0) blocks.push({ classes: larger, channels: smallest + 1 });
    return new ChannelGroups(blocks);
  }

  /** Runs of classes in channel order, each with its own ξ. */
  static blocks(blocks: readonly ChannelBlock[]): ChannelGroups {
    return new ChannelGroups(blocks);
  }

  /** The first channel of class `index` and the number of channels ξ it owns. */
  channelsOf(index: number): { start: number; count: number } {
    if (!Number.isInteger(index) || index < 0 || index >= this.classes) {
      throw invalidArgument("index", `must be a class from 0 to ${this.classes - 1}, got ${shown(index)}`);
    }
    let start = 0;
    let remaining = index;
    for (const block of this.blocks) {
      if (remaining < block.classes)
        return { start: start + remaining * block.channels, count: block.channels };
      remaining -= block.classes;
      start += block.classes * block.channels;
    }
    throw invalidArgument("index", `must be a class from 0 to ${this.classes - 1}, got ${shown(index)}`);
  }

  /** The class that owns each channel, in channel order. */
  owners(): number[] {
    return Array.from({ length: this.classes }, (_, k) =>
      new Array<number>(this.channelsOf(k).count).fill(k),
    ).flat();
  }

  /** The blocks as the two parallel lists that the native operators take. */
  toLists(): { blockClasses: number[]; blockChannels: number[] } {
    return {
      blockClasses: this.blocks.map((block) => block.classes),
      blockChannels: this.blocks.map((block) => block.channels),
    };
  }

  /** The blocks: what JSON.stringify() writes and {@link ChannelGroups.blocks} takes. */
  toJSON(): ChannelBlock[] {
    return this.blocks.map((block) => ({ ...block }));
  }
}

function checkCount(argument: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw invalidArgument(argument, `must be a positive integer, got ${shown(value)}`);
}
