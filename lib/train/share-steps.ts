import { sumNumbers } from "../distributed/exchange.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import type { BatchMetrics } from "../native/binding.js";
import { WISHES, type StopAgreement } from "./stop-agreement.js";
import type { ReadStep } from "./unread-steps.js";

/** Counts, which are summed; other metrics are means over a batch. */
const COUNTS: readonly string[] = ["correct", "groupsCorrect"];

/**
 * Makes the metrics of steps those of the whole batch, of which each process had a part, and says in which processes a loss
 * was not finite. With the same message the processes agree whether the run ends.
 */
export async function shareSteps(
  group: ProcessGroup,
  steps: readonly ReadStep[],
  agreement: StopAgreement,
): Promise<ReadStep[]> {
  const own = steps.flatMap((step) => partOf(group, step));
  const sums = await sumNumbers(group, [...agreement.wishes, ...own]);
  agreement.take(sums.slice(0, WISHES));
  const size = own.length / Math.max(1, steps.length);
  return steps.map((step, index) => {
    const start = WISHES + index * size;
    return wholeOf(group, step, sums.slice(start, start + size));
  });
}

/** Images, a flag for each rank, and each metric. */
function partOf({ rank, worldSize }: ProcessGroup, { metrics, event: { images } }: ReadStep): number[] {
  const flags = Array.from({ length: worldSize }, (_, other) =>
    other === rank && !Number.isFinite(metrics.loss) ? 1 : 0,
  );
  const terms = termsOf(metrics).map(([name, value]) => (COUNTS.includes(name) ? value : value * images));
  return [images, ...flags, ...terms];
}

function wholeOf({ worldSize }: ProcessGroup, step: ReadStep, sums: readonly number[]): ReadStep {
  const [images = 0] = sums;
  const flags = sums.slice(1, 1 + worldSize);
  const terms = sums.slice(1 + worldSize);
  const metrics = termsOf(step.metrics).map(([name], index) => {
    const sum = terms[index] ?? 0;
    return [name, COUNTS.includes(name) ? sum : sum / images];
  });
  return {
    ...step,
    event: { ...step.event, images },
    metrics: Object.fromEntries(metrics) as BatchMetrics,
    nonFiniteRanks: flags.flatMap((flag, rank) => (flag > 0 ? [rank] : [])),
  };
}

/** In the same order on all processes. */
function termsOf(metrics: BatchMetrics): [name: string, value: number][] {
  return Object.entries(metrics as unknown as Record<string, number>).sort(([a], [b]) => (a < b ? -1 : 1));
}
