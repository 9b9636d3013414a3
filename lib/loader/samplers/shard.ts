import type { Given } from "../../definition.js";
import { count, index } from "../../schema.js";
import { defineSampler } from "./definition.js";

const options = {
  /** From 0 to `world` − 1. */
  rank: index,
  /** How many processes share the data set. */
  world: count,
};

export const shard = defineSampler({
  name: "shard",
  summary:
    "One process's part of the data set, in which no sample is another's or comes twice: for evaluation",
  options,
  count: ({ rank, world }, { length }) => Math.max(0, Math.ceil((length - rank) / world)),
  draw: ({ rank, world }, { length }) =>
    Array.from({ length: Math.max(0, Math.ceil((length - rank) / world)) }, (_, i) => i * world + rank),
  check: ({ rank, world }) => {
    return rank < world ? undefined : ["rank", `must be an integer from 0 to ${world - 1}, got ${rank}`];
  },
});

/** One process's part of the data set, in its order, for evaluation. */
export interface ShardSpec extends Given<typeof options> {
  type: "shard";
}
