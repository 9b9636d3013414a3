// argv: FOLDER COUNT; writes that many JPEGs of 500 × 375 below the folder, as one class.
import { join } from "node:path";
import { writeJpegs } from "./jpegs.js";

const [, , folder = "", count = ""] = process.argv;
await writeJpegs(join(folder, "all"), Number(count));
