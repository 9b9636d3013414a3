const SIGNALS = ["SIGINT", "SIGTERM"] as const;
const SHOW_CURSOR = "\x1b[?25h";

let signal: AbortSignal | undefined;

/**
 * A signal that Ctrl-C (or SIGTERM) aborts, so that the work under way can save what it has. A second Ctrl-C ends the
 * process at once, whatever it is doing or waiting for. There is one for the whole process.
 */
export function interruptSignal(): AbortSignal {
  signal ??= listen();
  return signal;
}

function listen(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    // The next one is the system's: process.exit() would wait for threads, and one may wait for a file for ever.
    for (const name of SIGNALS) process.off(name, interrupt);
    const cursor = process.stderr.isTTY ? SHOW_CURSOR : "";
    process.stderr.write(`${cursor}\nstopping after this step; press Ctrl-C again to leave at once\n`);
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  return controller.signal;
}
