import { createRequire } from "node:module";

/** temporary */
export function loadAddon(): unknown {
  process.env["OMP_WAIT_POLICY"] ??= "PASSIVE";
  return createRequire(import.meta.url)("../../build/cmake/Release/mcloss.node");
}
