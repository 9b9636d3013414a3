import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Model } from "../models/model.js";
import type { ModelSpec } from "../models/spec.js";
import { withoutPlaces } from "../models/torchscript-file.js";
import { native } from "../native/binding.js";
import { PACKAGE_VERSION } from "../package-version.js";
import { RUN_FORMAT, type RunInfo } from "../run/run-info.js";
import type { CompleteTrainerOptions } from "./trainer-options.js";

/** What `run.json` is to say of a run. */
export function describeRun(
  { spec }: Model,
  { output = "", overwrite, about = {}, ...options }: CompleteTrainerOptions,
): RunInfo {
  return {
    format: RUN_FORMAT,
    started: new Date().toISOString(),
    versions: { package: PACKAGE_VERSION, node: process.version, libtorch: native().torchVersion().runtime },
    platform: `${process.platform}-${process.arch}`,
    threads: native().threads(),
    model: { name: spec.name, classes: spec.classes, sha256: hashOf(withoutPlaces(spec)) },
    folder: resolve(output),
    options,
    about,
  };
}

function hashOf(spec: ModelSpec): string {
  return createHash("sha256").update(JSON.stringify(spec)).digest("hex");
}
