import type { Model } from "../models/model.js";
import { describeLoader, type RunData } from "./describe-run.js";
import type { CompleteTrainerOptions } from "./trainer-options.js";

/**
 * Sees that all processes would make the same steps, before any of them makes one: collectives of other sizes would end
 * them.
 * @throws McLossError ERR_DISTRIBUTED naming what differs, on all processes
 */
export async function requireSameTraining(
  model: Model,
  { train, validation }: RunData,
  { group, output, overwrite, about, ...options }: CompleteTrainerOptions,
): Promise<void> {
  const shapes = model
    .state()
    .map(({ name, tensor }) => [name, `${tensor.dtype} [${tensor.shape.join(", ")}]`]);
  // Each process may have batches of its own size, if they are as many.
  const images = { ...describeLoader(train), batchSize: undefined };
  await group?.agree("training", {
    model: Object.fromEntries(shapes) as Record<string, string>,
    options,
    images,
    batches: train.length,
    validation: validation !== undefined,
  });
}
