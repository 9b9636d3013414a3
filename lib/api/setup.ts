export { diagnose, type Diagnosis } from "../setup/doctor.js";
export { setup, type SetupOptions, type SetupResult } from "../setup/setup.js";
export type { BuildInfo } from "../addon/build-info.js";
export type { Tried } from "../setup/find-libtorch.js";
export type { Libtorch } from "../addon/libtorch.js";
export type { BuildSystem } from "../addon/paths.js";
export type { Reporter } from "../reporter.js";
