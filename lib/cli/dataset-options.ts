import { Option } from "commander";
import { DATASET_KINDS } from "../data/sets/layout.js";

/** Options that several commands have. */

export function kindOption(): Option {
  const text = "the data set's layout (default: what its files tell)";
  return new Option("--kind <kind>", text).choices(DATASET_KINDS);
}

export function partialOption(): Option {
  return new Option("--allow-partial", "take a published set whose counts are not the published ones");
}

export function emptyOption(): Option {
  return new Option("--allow-empty", "take class folders that have no images");
}

export function deviceOption(): Option {
  return new Option("--device <device>", "cpu, cuda, cuda:1 …, or auto: the GPU where there is one").default(
    "auto",
  );
}

export function tenCropOption(): Option {
  return new Option("--ten-crop", "average over five crops of each image and of its mirror image");
}

export function trustOption(): Option {
  return new Option("--trust-code", "run the TorchScript module of a checkpoint whose author you trust");
}
