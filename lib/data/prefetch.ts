/**
 * Runs `tasks` in order with up to `ahead` of them under way beyond the one that is being waited for. When the
 * consumer leaves early, what is under way is awaited and given to `discard`.
 */
export async function* prefetch<T>(
  tasks: Iterable<() => Promise<T>>,
  ahead: number,
  discard: (value: T) => void,
): AsyncGenerator<T, void, void> {
  const iterator = tasks[Symbol.iterator]();
  const running: Promise<T>[] = [];
  const start = (): void => {
    const next = iterator.next();
    if (next.done) return;
    const task = next.value();
    // It is reported when its turn comes; until then it must not count as unhandled.
    task.catch(() => undefined);
    running.push(task);
  };
  try {
    for (let i = 0; i <= ahead; i += 1) start();
    for (let task = running.shift(); task; task = running.shift()) {
      const value = await task;
      start();
      yield value;
    }
  } finally {
    for (const result of await Promise.allSettled(running)) {
      if (result.status === "fulfilled") discard(result.value);
    }
  }
}
