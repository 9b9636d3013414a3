import { shuffled } from "../../image/random.js";
import { defineSampler } from "./definition.js";

export const shuffle = defineSampler({
  name: "shuffle",
  summary: "Another order in every epoch (torch.utils.data.RandomSampler)",
  options: {},
  count: (_, { length }) => length,
  draw: (_, { length }, random) => shuffled(length, random),
});

/** Another order in every epoch. */
export interface ShuffleSpec {
  type: "shuffle";
}
