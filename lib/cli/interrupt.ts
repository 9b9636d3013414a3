const SIGNALS = ["SIGINT", "SIGTERM"] as const;
const SHOW_CURSOR = "\x1b[?25h";

let signal: AbortSignal | undefined;

interface InterruptOptions {
  /**
   * How long after the first signal another one is taken for the same: a launcher passes on what the terminal sends to its
   * processes too. Default 0.
   */
  onceMs?: number;
  /** Whether nothing is told of it, as another process tells it. */
  quiet?: boolean;
}

/**
 * A signal that Ctrl-C (or SIGTERM) aborts, so that the work under way can save what it has. A second Ctrl-C ends the
 * process at once, whatever it is doing or waiting for. There is one for the whole process; the first call's options count.
 */
export function interruptSignal(options: InterruptOptions = {}): AbortSignal {
  signal ??= listen(options);
  return signal;
}

function listen({ onceMs = 0, quiet = false }: InterruptOptions): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) return;
    // The next one is the system's: process.exit() would wait for threads, and one may wait for a file for ever.
    if (onceMs === 0) giveBack();
    else setTimeout(giveBack, onceMs).unref();
    const cursor = process.stderr.isTTY ? SHOW_CURSOR : "";
    if (!quiet) {
      process.stderr.write(`${cursor}\nstopping after this step; press Ctrl-C again to leave at once\n`);
    }
    controller.abort();
  };
  const giveBack = () => {
    for (const name of SIGNALS) process.off(name, interrupt);
  };
  for (const name of SIGNALS) process.on(name, interrupt);
  return controller.signal;
}
