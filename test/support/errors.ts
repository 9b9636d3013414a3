import { McLossError } from "mutual-channel-loss";

/** The McLossError that `fn` throws. */
export function caught(fn: () => unknown): McLossError {
  try {
    fn();
  } catch (error) {
    if (error instanceof McLossError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The McLossError that `promise` rejects with. */
export async function rejected(promise: Promise<unknown>): Promise<McLossError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof McLossError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
