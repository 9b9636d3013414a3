import { ABLATIONS, type LossName } from "./losses.js";
import { emoji, WITHOUT_ONE } from "./sets/emoji.js";
import { professions } from "./sets/professions.js";
import type { StudySet } from "./sets/study-set.js";
import { ALL_TOPS, tops } from "./sets/tops.js";

/** What each loss may choose, by trials of its own. */
export interface Setting {
  learningRate: number;
  epochs: number;
}

/** What is tested, and by which of the tuning division's held-out parts its setting is chosen. */
export interface Tested {
  division: string;
  tunedBy: string;
}

/** Losses compared on one data set with one head. */
export interface Study {
  title: string;
  open: () => Promise<StudySet>;
  /** How the classifier pools the features. */
  head: "avg" | "max";
  /** Settings that are tried for each loss. */
  grid: readonly Setting[];
  tested: readonly Tested[];
  losses: readonly LossName[];
  /** The study whose trials settings are chosen by; MC-Loss's serve its ablations as well. Default: its own. */
  tunedIn?: string;
}

/** Of the trials; none of the tests'. */
export const TUNING_SEED = 100;

const EMOJI = {
  open: () => emoji("data/emoji-faces"),
  grid: settings([0.005, 0.01, 0.02, 0.05], [50, 100]),
};
const TOPS = {
  open: () => tops("data/fashion-mnist", 300),
  grid: settings([0.005, 0.01, 0.02, 0.05, 0.1], [15, 30]),
};
const TOPS_ALL = {
  open: () => tops("data/fashion-mnist", ALL_TOPS),
  grid: settings([0.01, 0.02, 0.05, 0.1, 0.2], [5, 10]),
};
const PROFESSIONS = {
  open: professions,
  grid: settings([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05], [20, 40]),
};

const COMPARED = ["ce", "mc"] as const;
const SPLITS = ["A", "B"].map((name) => ({ division: name, tunedBy: name }));
const ONE_TEST = [{ division: "test", tunedBy: "test" }];

/** Settings that suit one of split B's test designers may not be chosen by its drawings, so they are B's. */
const DESIGNERS = WITHOUT_ONE.map((division) => ({
  division,
  tunedBy: /(noto|emojione)$/.test(division) ? "B" : "A",
}));

export const STUDIES: Readonly<Record<string, Study>> = {
  "emoji-avg": {
    ...EMOJI,
    title: "Emoji faces, average pooling",
    head: "avg",
    tested: SPLITS,
    losses: COMPARED,
  },
  "emoji-max": { ...EMOJI, title: "Emoji faces, max pooling", head: "max", tested: SPLITS, losses: COMPARED },
  "emoji-avg-ablations": {
    ...EMOJI,
    title: "Emoji faces, average pooling: what each part of MC-Loss does",
    head: "avg",
    tested: SPLITS.slice(0, 1),
    losses: ABLATIONS,
    tunedIn: "emoji-avg",
  },
  "emoji-avg-designers": {
    ...EMOJI,
    title: "Emoji faces, average pooling, each designer held out by itself",
    head: "avg",
    tested: DESIGNERS,
    losses: COMPARED,
    tunedIn: "emoji-avg",
  },
  "emoji-max-designers": {
    ...EMOJI,
    title: "Emoji faces, max pooling, each designer held out by itself",
    head: "max",
    tested: DESIGNERS,
    losses: COMPARED,
    tunedIn: "emoji-max",
  },
  "tops-avg": { ...TOPS, title: "Tops, average pooling", head: "avg", tested: ONE_TEST, losses: COMPARED },
  "tops-max": { ...TOPS, title: "Tops, max pooling", head: "max", tested: ONE_TEST, losses: COMPARED },
  "tops-all-avg": {
    ...TOPS_ALL,
    title: "Tops, all training images, average pooling",
    head: "avg",
    tested: ONE_TEST,
    losses: COMPARED,
  },
  "professions-avg": {
    ...PROFESSIONS,
    title: "Professions, average pooling",
    head: "avg",
    tested: ONE_TEST,
    losses: COMPARED,
  },
  "professions-max": {
    ...PROFESSIONS,
    title: "Professions, max pooling",
    head: "max",
    tested: ONE_TEST,
    losses: COMPARED,
  },
};

function settings(learningRates: readonly number[], epochs: readonly number[]): Setting[] {
  return epochs.flatMap((count) => learningRates.map((learningRate) => ({ learningRate, epochs: count })));
}
