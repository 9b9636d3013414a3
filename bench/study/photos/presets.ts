import type { PhotosLoss } from "./losses.js";

/** What a study of photographs trains where the command line says nothing else. */
export interface PhotosPreset {
  description: string;
  /** What the set is called in the results. Default: the folder's name. */
  name?: string;
  /** In the order in which they are trained, for each seed. */
  losses: readonly PhotosLoss[];
  epochs: number;
  /** Side of the network's input, in pixels. */
  size: number;
}

const BETAS = [20, 5, 2, 1, 0];

export const PHOTOS_STUDIES = {
  photos: {
    description: "measure each β on photographs: accuracy, and where the channels look",
    losses: ["ce", ...BETAS.map((beta) => ({ beta }))],
    epochs: 50,
    size: 80,
  },
  cub100: {
    description:
      "the same with 100 classes of CUB-200-2011: whose diversity counts, with β over more than a decade",
    name: "cub100",
    losses: [
      { beta: 5, over: "own" },
      "ce",
      { beta: 1 },
      { beta: 20 },
      { beta: 5, over: "scores" },
      { beta: 20, over: "own" },
      { beta: 1, over: "own" },
      { beta: 20, over: "scores" },
      { beta: 1, over: "scores" },
      { beta: 5 },
    ],
    epochs: 20,
    size: 64,
  },
  cub50: {
    description: "the same with a published set, whose boxes tell whether channels point at the bird",
    name: "cub50",
    losses: ["ce", { beta: 1 }, { beta: 5, over: "own" }, { beta: 20 }],
    epochs: 30,
    size: 80,
  },
} as const satisfies Record<string, PhotosPreset>;
