import { defineSampler } from "./definition.js";

export const sequential = defineSampler({
  name: "sequential",
  summary: "The order of the data set (torch.utils.data.SequentialSampler)",
  options: {},
  count: (_, { length }) => length,
  draw: (_, { length }) => Array.from({ length }, (__, index) => index),
});

/** The order of the data set. */
export interface SequentialSpec {
  type: "sequential";
}
