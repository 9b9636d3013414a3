// Puts the checkout's own dist/ and package.json back, after `npm pack` or where one was interrupted.
import { existsSync, renameSync, rmSync } from "node:fs";
import { FOLDERS } from "./folders.js";

if (existsSync(FOLDERS.manifest)) renameSync(FOLDERS.manifest, "package.json");
if (existsSync(FOLDERS.dist)) {
  rmSync("dist", { recursive: true, force: true });
  renameSync(FOLDERS.dist, "dist");
}
rmSync(FOLDERS.packing, { recursive: true, force: true });
