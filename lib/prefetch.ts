/**
 * Runs tasks in order with up to `ahead` of them under way beyond the one that is being waited for. `next` gives the
 * task to start, or undefined where there is none for now. When the consumer leaves early, what is under way is awaited
 * and given to `discard`.
 */
export async function* prefetch<T>(
  next: () => (() => Promise<T>) | undefined,
  ahead: number,
  discard: (value: T) => void,
): AsyncGenerator<T, void, void> {
  const running: Promise<T>[] = [];
  const start = (): void => {
    const task = next()?.();
    if (!task) return;
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
