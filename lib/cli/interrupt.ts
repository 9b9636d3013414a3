import { printLine } from "./progress.js";

const INTERRUPTED = 130;

let signal: AbortSignal | undefined;

/**
 * A signal that Ctrl-C (or SIGTERM) aborts, so that the work under way can save what it has. A second Ctrl-C leaves
 * at once. There is one for the whole process.
 */
export function interruptSignal(): AbortSignal {
  signal ??= listen();
  return signal;
}

function listen(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    printLine("stopping after this step; press Ctrl-C again to leave at once");
    controller.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return controller.signal;
}
