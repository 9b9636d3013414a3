import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { runtimeVersion } from "../addon/runtime.js";
import { DataLoader } from "../loader/data-loader.js";
import type { LoaderDescription } from "../loader/loader-description.js";
import type { ModelSpec } from "../models/spec.js";
import { withoutPlaces } from "../models/torchscript-file.js";
import { native } from "../native/binding.js";
import { PACKAGE_VERSION } from "../package.js";
import { RUN_FORMAT, type RunInfo } from "../run/run-info.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import { describeWhole } from "./share.js";
import type { StepMaker } from "./step-maker.js";
import type { CompleteTrainerOptions } from "./trainer-options.js";

/** The data that a run is trained and judged on. */
export interface RunData {
  train: DataLoader;
  validation?: DataLoader;
}

/** What `run.json` is to say of a run. */
export function describeRun(
  { model: { spec }, classCounts }: Pick<StepMaker, "model" | "classCounts">,
  { train, validation }: RunData,
  { output = "", overwrite, about = {}, group, checkReplicas, ...options }: CompleteTrainerOptions,
): RunInfo {
  return {
    format: RUN_FORMAT,
    started: new Date().toISOString(),
    versions: { package: PACKAGE_VERSION, node: runtimeVersion(), libtorch: native().torchVersion().runtime },
    platform: `${process.platform}-${process.arch}`,
    threads: native().threads(),
    model: { name: spec.name, classes: spec.classes, sha256: hashOf(withoutPlaces(spec)) },
    folder: resolve(output),
    loaders: { train: describeLoader(train), validation: describeLoader(validation) },
    classCounts,
    distributed: describeGroup(group),
    options,
    about,
  };
}

/**
 * The loader of all processes together.
 * @param loader one's, or anything that is iterated as one, of which nothing is known
 */
export function describeLoader(loader: DataLoader | undefined): LoaderDescription | undefined {
  return loader instanceof DataLoader ? describeWhole(loader.describe()) : undefined;
}

function describeGroup(group: ProcessGroup | undefined): RunInfo["distributed"] {
  return group && group.worldSize > 1 ? { worldSize: group.worldSize, backend: group.backend } : undefined;
}

function hashOf(spec: ModelSpec): string {
  return createHash("sha256").update(JSON.stringify(spec)).digest("hex");
}
