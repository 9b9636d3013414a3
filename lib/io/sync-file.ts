import { fsync } from "node:fs";
import { promisify } from "node:util";

/** Forces an open file or folder to the disk. A FileHandle's own sync() is not there under Yarn's Plug'n'Play. */
export const syncFile = promisify(fsync);
