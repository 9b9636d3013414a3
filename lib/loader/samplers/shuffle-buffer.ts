import type { Dataset } from "../../data/dataset.js";
import type { Given } from "../../definition.js";
import { shuffled, type Random } from "../../image/random.js";
import { count } from "../../schema.js";
import { defineSampler } from "./definition.js";

export const shuffleBuffer = defineSampler({
  name: "shuffleBuffer",
  summary:
    "For shards: another order of the shards in every epoch, and in each stream of them the samples through a buffer, so that they are " +
    "read nearly as they lie (WebDataset's shardshuffle and shuffle)",
  options: {
    /** Samples that the next one is drawn from. All that is read is kept where so many take less than 256 MiB. */
    buffer: count.default(1000),
    /**
     * Streams that the shards are dealt to and that take turns: as many as processes share the epoch, so that each reads
     * shards of its own.
     */
    streams: count.default(1),
  },
  count: (_, { length }) => length,
  draw: ({ buffer, streams }, dataset, random) => {
    const shards = groupByShard(dataset);
    const order = shuffled(shards.length, random).map((number) => shards[number] ?? []);
    return takeTurns(deal(order, streams).map((stream) => throughBuffer(stream, buffer, random)));
  },
});

/** For shards: read nearly as they lie. */
export interface ShuffleBufferSpec extends Given<typeof shuffleBuffer.options> {
  type: "shuffleBuffer";
}

/** The samples of each shard. */
function groupByShard(dataset: Dataset): number[][] {
  const shards = new Map<number, number[]>();
  for (let index = 0; index < dataset.length; index += 1) {
    const number = dataset.sample(index).shard?.number ?? 0;
    const own = shards.get(number);
    if (own) own.push(index);
    else shards.set(number, [index]);
  }
  return [...shards.values()];
}

/** Each shard to the stream that has the fewest samples so far. */
function deal(shards: readonly (readonly number[])[], streams: number): number[][] {
  const dealt = Array.from({ length: streams }, (): number[] => []);
  for (const shard of shards) {
    const least = dealt.reduce((one, other) => (other.length < one.length ? other : one));
    for (const index of shard) least.push(index);
  }
  return dealt;
}

/**
 * Each sample waits for up to `size` others, so that at any time what is read lies within so many. From a buffer of which any may
 * be drawn, some would wait for many times as long, and what lies around them would be read again.
 */
function throughBuffer(stream: readonly number[], size: number, random: Random): number[] {
  if (size >= stream.length) return shuffled(stream.length, random).map((at) => stream[at] ?? 0);
  const waiting = stream.map((index, at) => ({ index, until: at + random.uniform(0, size) }));
  return waiting.sort((a, b) => a.until - b.until).map(({ index }) => index);
}

/** One of each stream in turn; in the place of one that has ended, one of the longest that is left. */
function takeTurns(streams: readonly (readonly number[])[]): number[] {
  const total = streams.reduce((sum, { length }) => sum + length, 0);
  const positions = streams.map(() => 0);
  const left = (stream: number) => (streams[stream]?.length ?? 0) - (positions[stream] ?? 0);
  const longest = () => positions.reduce((one, _, other) => (left(other) > left(one) ? other : one), 0);
  return Array.from({ length: total }, (_, turn) => {
    const own = turn % streams.length;
    const stream = left(own) > 0 ? own : longest();
    const position = positions[stream] ?? 0;
    positions[stream] = position + 1;
    return streams[stream]?.[position] ?? 0;
  });
}
