import { setTimeout as wait } from "node:timers/promises";

/** The system is out of something that others give back: descriptors, memory, a lock. */
const SHORTAGES: readonly unknown[] = ["EMFILE", "ENFILE", "EAGAIN", "EBUSY", "EINTR", "ENOMEM"];
const FIRST_WAIT_MS = 20;
const TRIES = 10;

/** Tries `action` again, for some ten seconds, where the system is short of something. @throws what it throws otherwise */
export async function retryShortage<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (attempt === TRIES || !SHORTAGES.includes((error as NodeJS.ErrnoException).code)) throw error;
      await wait(FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}
