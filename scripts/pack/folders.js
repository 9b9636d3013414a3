import { join } from "node:path";

const PACKING = join("build", "pack");

/** What is put aside while the package is packed, and what is packed in its place. */
export const FOLDERS = {
  packing: PACKING,
  /** The package's dist, while it is made. */
  made: join(PACKING, "dist"),
  /** The checkout's own. */
  dist: join(PACKING, "own-dist"),
  manifest: join(PACKING, "own-package.json"),
};
