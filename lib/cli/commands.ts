import { Command } from "commander";
import { hasDemo, readDemo } from "./demo.js";

interface Entry {
  description: string;
  /** Reads the command's own file. */
  read: () => Promise<() => Command>;
}

/** In the help's order. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  ...(hasDemo && {
    demo: {
      description: "train on 85 kinds of emoji faces with and without MC-Loss, and compare",
      read: readDemo,
    },
  }),
  data: {
    description: "check a data set, or unpack one that was downloaded",
    read: async () => (await import("./commands/data.js")).dataCommand,
  },
  train: {
    description:
      "train a classifier on a folder with one sub-folder of images per class, or on another data set",
    read: async () => (await import("./commands/train.js")).trainCommand,
  },
  "find-rate": {
    description: "find a learning rate: train with ever higher ones until the loss explodes, and draw it",
    read: async () => (await import("./commands/find-rate.js")).findRateCommand,
  },
  recipes: {
    description: "list the built-in recipes, or show one with the source of every value",
    read: async () => (await import("./commands/recipes.js")).recipesCommand,
  },
  weights: {
    description: "list the pre-trained weights that networks have, or bring those of one into the cache",
    read: async () => (await import("./commands/weights.js")).weightsCommand,
  },
  eval: {
    description: "measure a checkpoint on a folder of images",
    read: async () => (await import("./commands/eval.js")).evalCommand,
  },
  predict: {
    description: "say what is on images",
    read: async () => (await import("./commands/predict.js")).predictCommand,
  },
  compare: {
    description: "compare the validation accuracy of runs, those that differ by their seed alone together",
    read: async () => (await import("./commands/compare.js")).compareCommand,
  },
  ablate: {
    description: "train cross-entropy, MC-Loss, and MC-Loss without each of its parts, and compare them",
    read: async () => (await import("./commands/ablate.js")).ablateCommand,
  },
  crossval: {
    description: "train once for each part of the images, on all others, and measure on that part",
    read: async () => (await import("./commands/crossval.js")).crossvalCommand,
  },
  tune: {
    description: "search the values of a recipe's keys, and go on with the best trials",
    read: async () => (await import("./commands/tune.js")).tuneCommand,
  },
  reproduce: {
    description:
      "train a recipe with cross-entropy and MC-Loss, and set the results beside the published ones",
    read: async () => (await import("./commands/reproduce.js")).reproduceCommand,
  },
  export: {
    description: "write a trained network for other programs, without what training keeps",
    read: async () => (await import("./commands/export.js")).exportCommand,
  },
  report: {
    description: "write one HTML file about a run, or comparing several",
    read: async () => (await import("./commands/report.js")).reportCommand,
  },
  visualize: {
    description: "draw what a class's channels look at, as one PNG per image or per class",
    read: async () => (await import("./commands/visualize.js")).visualizeCommand,
  },
  setup: {
    description: "find or download LibTorch and build the native addon",
    read: async () => (await import("./commands/setup.js")).setupCommand,
  },
  doctor: {
    description: "show what was found on this machine, what is wrong, and how to fix it",
    read: async () => (await import("./commands/doctor.js")).doctorCommand,
  },
};

/**
 * All commands; of those that `argv` does not name just what the help says, since reading them all would take longer
 * than everything else before the first output.
 */
export async function readCommands(argv: readonly string[]): Promise<Command[]> {
  return await Promise.all(
    Object.entries(COMMANDS).map(async ([name, { description, read }]) => {
      const command = argv.includes(name) ? (await read())() : new Command(name);
      return command.description(description);
    }),
  );
}
