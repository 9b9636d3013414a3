import { sumNumbers } from "../distributed/exchange.js";
import type { ProcessGroup } from "../distributed/process-group.js";
import type { ChannelHealthTally } from "../loss/channel-health.js";
import type { ClassificationTally } from "./classification-scores.js";
import type { MetricsSum } from "./metrics.js";

/** What a process gathered on its part of the images. */
export interface EvaluatedPart {
  sum: MetricsSum;
  tally: ClassificationTally;
  channels: ChannelHealthTally | undefined;
  /** Images that could not be read. */
  skipped: number;
}

/** Makes it what one process would have gathered on all images. @returns how many could not be read */
export async function shareEvaluation(group: ProcessGroup, part: EvaluatedPart): Promise<number> {
  const { sum, tally, channels, skipped } = part;
  const sums = Object.entries(sum.toJSON()).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = sums.map(([name]) => name);
  const all = await sumNumbers(group, [skipped, ...sums.map(([, value]) => value), ...tally.counts()]);
  const [skippedInAll = 0] = all;
  const terms = all.slice(1, 1 + names.length);
  sum.replace(Object.fromEntries(names.map((name, index) => [name, terms[index] ?? 0])));
  tally.replace(all.slice(1 + names.length));
  await channels?.combine((tensor, op) => group.allReduce(tensor, { op }));
  return skippedInAll;
}
