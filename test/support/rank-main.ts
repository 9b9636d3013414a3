// One process of a group: calls a function of a module and answers with what it returns or throws.
import { once } from "node:events";
import { initProcessGroup } from "#lib/distributed/init-process-group.js";
import type { ProcessGroup } from "#lib/distributed/process-group.js";
import type { RankAnswer, RankOrder } from "./ranks.js";

const [order] = (await once(process, "message")) as [RankOrder];
const { module, name, argument, rank, worldSize, file, timeoutSeconds } = order;
let answer: RankAnswer;
try {
  const functions = (await import(module)) as Record<
    string,
    (group: ProcessGroup, argument: unknown) => Promise<unknown>
  >;
  const group = await initProcessGroup({ rank, worldSize, store: { file }, timeoutSeconds });
  try {
    answer = { result: await functions[name]!(group, argument) };
  } finally {
    await group.destroy();
  }
} catch (error) {
  const { code, message, stack } = error as { code?: string; message: string; stack?: string };
  answer = { error: { code, message: code === undefined ? (stack ?? message) : message } };
}
process.send!(answer, () => process.disconnect());
