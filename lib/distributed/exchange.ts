import { McLossError, type ErrorCode, type ErrorDetails } from "../errors.js";
import { native } from "../native/binding.js";
import type { ProcessGroup } from "./process-group.js";

// What processes tell one another beside tensors. All of them must call the same, as of every collective.

/** The sums over the processes of as many numbers on each. */
export async function sumNumbers(group: ProcessGroup, numbers: readonly number[]): Promise<number[]> {
  return group.handle ? await native().sumNumbers(group.handle, numbers) : [...numbers];
}

/** What each process has, by rank, as plain data. */
export async function gatherData<T>(group: ProcessGroup, value: T): Promise<T[]> {
  if (!group.handle) return [value];
  const texts = await native().gatherTexts(group.handle, JSON.stringify(value ?? null));
  return texts.map((text) => JSON.parse(text) as T);
}

/** What becomes of an error on its way to other processes. */
interface Told {
  code: ErrorCode;
  message: string;
  details: ErrorDetails;
}

/**
 * What rank 0 makes, as plain data, on all processes; what it throws, all throw.
 * @param make called on rank 0 alone, which keeps what it gave as it is
 */
export async function fromFirst<T>(group: ProcessGroup, make: () => Promise<T>): Promise<T> {
  if (!group.handle) return await make();
  if (group.rank > 0) return read<T>((await gatherData<Answer<T> | null>(group, null))[0] ?? null);
  try {
    const value = await make();
    await gatherData(group, { value });
    return value;
  } catch (error) {
    if (error instanceof McLossError && error.code === "ERR_DISTRIBUTED") throw error;
    await gatherData(group, { error: toldOf(error) });
    throw error;
  }
}

type Answer<T> = { value: T; error?: undefined } | { error: Told };

function read<T>(answer: Answer<T> | null): T {
  if (answer?.error) throw new McLossError(answer.error.code, answer.error.message, answer.error.details);
  return answer?.value as T;
}

function toldOf(error: unknown): Told {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof McLossError))
    return { code: "ERR_DISTRIBUTED", message: `rank 0 failed: ${message}`, details: {} };
  const { code, argument, path, op } = error;
  return { code, message, details: { argument, path, op } };
}
