import { checkFunction, checkList, checkRecord } from "../check-argument.js";
import type { TrainingEvent } from "../train/events.js";

/** Keeps a run's events somewhere: training waits for it, and ends with what it throws. */
export type Tracker = (event: TrainingEvent) => void | Promise<void>;

/**
 * A run's events, which trackers are told first, in order: `for await (const event of track(trainer.fit(train), [tracker]))`.
 * @returns what the run comes to
 */
export async function* track<Event extends TrainingEvent, Result>(
  run: AsyncIterable<Event> & AsyncIterator<Event, Result, void>,
  trackers: readonly Tracker[],
): AsyncGenerator<Event, Result, void> {
  checkRecord("run", run, "what Trainer.fit() gives");
  checkFunction("run.next", (run as { next?: unknown }).next);
  checkList("trackers", trackers, "functions");
  trackers.forEach((tracker, i) => checkFunction(`trackers[${i}]`, tracker));
  let ended = false;
  try {
    for (;;) {
      const next = await run.next();
      if (next.done) {
        ended = true;
        return next.value;
      }
      for (const tracker of trackers) await tracker(next.value);
      yield next.value;
    }
  } finally {
    if (!ended) await run.return?.();
  }
}
