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
    /** Samples that the next one is drawn from. */
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

/** Each sample that comes takes the place of the one that is drawn. */
function throughBuffer(stream: readonly number[], size: number, random: Random): number[] {
  const buffer = stream.slice(0, size);
  const drawn: number[] = [];
  for (const next of stream.slice(size)) {
    const at = random.integer(0, buffer.length - 1);
    drawn.push(buffer[at] ?? 0);
    buffer[at] = next;
  }
  return [...drawn, ...shuffled(buffer.length, random).map((at) => buffer[at] ?? 0)];
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
