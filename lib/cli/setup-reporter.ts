import type { Reporter } from "../setup/reporter.js";
import { printLine, startProgress, type Progress } from "./progress.js";

/** Shows what setup does: bars on a terminal, plain lines elsewhere. */
export function consoleReporter(): Reporter {
  let progress: Progress | undefined;
  return {
    start(label, total) {
      if (total === undefined) printLine(label);
      else progress = startProgress(label, total);
    },
    update(done) {
      progress?.update(done);
    },
    stop() {
      progress?.stop();
      progress = undefined;
    },
    line: printLine,
  };
}
