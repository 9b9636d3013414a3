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

/**
 * What `work` makes of each item, in order, with up to `ahead` under way beyond the one that is being waited for; no more
 * of the items, which may be endless, is taken. After a failure, which is thrown in its turn, none is taken any more.
 */
export async function* mapAhead<T, Result>(
  items: Iterable<T> | AsyncIterable<T>,
  ahead: number,
  work: (item: T) => Promise<Result>,
): AsyncGenerator<Result, void, void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let stop!: (end: typeof END) => void;
  // An item that may never come is not waited for when nobody wants it any more.
  const stopped = new Promise<typeof END>((resolve) => (stop = resolve));
  let taken: Promise<unknown> = Promise.resolve();
  const take = (): Promise<IteratorResult<T>> => {
    const next = taken.then(() => iterator.next());
    taken = next.catch(() => undefined);
    return next;
  };
  const task = async (): Promise<Result | typeof END> => {
    try {
      const item = await Promise.race([take(), stopped]);
      return item === END || item.done ? END : await work(item.value);
    } catch (error) {
      stop(END);
      throw error;
    }
  };
  try {
    for await (const result of prefetch(
      () => task,
      ahead,
      () => undefined,
    )) {
      if (result === END) return;
      let wanted = false;
      try {
        yield result;
        wanted = true;
      } finally {
        if (!wanted) stop(END);
      }
    }
  } finally {
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

const END = Symbol("no more items");
