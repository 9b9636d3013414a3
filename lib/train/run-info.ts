import type { Model } from "../models/model.js";
import { native } from "../native/binding.js";
import { PACKAGE_VERSION } from "../package-version.js";
import type { TrainerOptions } from "./trainer-options.js";

/** What `run.json` says of a run. */
export interface RunInfo {
  format: 1;
  /** ISO 8601 */
  started: string;
  versions: { package: string; node: string; libtorch: string };
  platform: string;
  /** LibTorch's threads. */
  threads: number;
  model: { name: string; classes: number };
  /** As the trainer was given them, without what is said of the output folder. */
  options: Omit<TrainerOptions, "output" | "overwrite" | "about">;
  /** What the caller told of the run. */
  about: Readonly<Record<string, unknown>>;
}

export function describeRun(
  model: Model,
  { output, overwrite, about = {}, ...options }: TrainerOptions,
): RunInfo {
  return {
    format: 1,
    started: new Date().toISOString(),
    versions: { package: PACKAGE_VERSION, node: process.version, libtorch: native().torchVersion().runtime },
    platform: `${process.platform}-${process.arch}`,
    threads: native().threads(),
    model: { name: model.spec.name, classes: model.spec.classes },
    options,
    about,
  };
}
