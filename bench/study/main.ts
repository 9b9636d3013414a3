// Compares cross-entropy with CE + MC-Loss: `npm run study -- --help` lists the studies. Settings are chosen for each loss by as
// many trials, on images taken from training; then several seeds of each are tested. A finished run is a line of bench/results/ and
// is not run again, so that what was interrupted goes on.
import { studyProgram } from "./program.js";

await studyProgram()
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
