const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** The terminal and a wrapper such as npx may both send a signal that was meant once. */
const ONCE_MS = 1000;

type Handler = (signal: NodeJS.Signals, again: boolean) => void;

/** The signals that end this process, which it passes on. */
export interface Signals {
  /** Whether there was one. */
  readonly received: boolean;
  /** Lets a function have them, until it is disposed. `again` says that one was there more than a second before. */
  handle(handler: Handler): Disposable;
  [Symbol.dispose](): void;
}

/** Takes the signals, until it is disposed. */
export function onSignals(): Signals {
  const handlers = new Set<Handler>();
  let first: number | undefined;
  const take = (signal: NodeJS.Signals) => {
    const now = performance.now();
    const again = first !== undefined;
    if (first !== undefined && now - first < ONCE_MS) return;
    first ??= now;
    for (const handler of handlers) handler(signal, again);
  };
  for (const name of FORWARDED) process.on(name, take);
  return {
    get received() {
      return first !== undefined;
    },
    handle(handler) {
      handlers.add(handler);
      return { [Symbol.dispose]: () => void handlers.delete(handler) };
    },
    [Symbol.dispose]() {
      for (const name of FORWARDED) process.off(name, take);
    },
  };
}
