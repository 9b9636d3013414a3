import { join } from "node:path";
import { Model, smallResNet, Trainer, type TrainerOptions } from "mutual-channel-loss";
import { manualSeed, noGrad, ones, randn } from "mutual-channel-loss/tensor";
import { initProcessGroup } from "#lib/distributed/init-process-group.js";
import type { ProcessGroup } from "#lib/distributed/process-group.js";
import { rejected } from "../support/errors.js";
import { fixedLoader, type FixedBatch } from "../support/fixed-loader.js";

const CLASSES = 3;
const BATCH = 12;
const SIDE = 16;

/** A training in float64. */
export interface Training {
  batches: number;
  options: TrainerOptions;
  /** Positions of batches whose first image, which is rank 0's, is made NaN. */
  damaged?: readonly number[];
}

export interface Trained {
  losses: number[];
  accuracies: number[];
  images: number[];
  /** Of every parameter and buffer, by name. */
  state: Record<string, Float64Array>;
}

/** Trains the same network on the same batches, of which each process has every world-th image. */
export async function train(group: ProcessGroup, trainings: Training[]): Promise<Trained[]> {
  const results: Trained[] = [];
  for (const { batches, options, damaged } of trainings) {
    const { spec } = smallResNet({ classes: CLASSES, channelsPerClass: 3, inputSize: SIDE, width: 4 });
    // Rank 0's weights are what counts.
    const model = new Model(spec, { seed: group.rank });
    await model.to("float64");
    const trainer = new Trainer(model, { ...options, group });
    const result: Trained = { losses: [], accuracies: [], images: [], state: {} };
    for await (const event of trainer.fit(await loader(group, batches, damaged))) {
      if (event.type !== "step") continue;
      result.losses.push(event.loss);
      result.accuracies.push(event.accuracy);
      result.images.push(event.images);
    }
    for (const { name, tensor } of model.state()) {
      result.state[name] = Float64Array.from((await tensor.data()) as Float64Array, Number);
    }
    results.push(result);
  }
  return results;
}

/** What a batch that is not finite in rank 0 does where it stops the run. */
export async function stop(group: ProcessGroup, { batches, options, damaged }: Training) {
  const { spec } = smallResNet({ classes: CLASSES, channelsPerClass: 3, inputSize: SIDE, width: 4 });
  const trainer = new Trainer(new Model(spec), { ...options, group });
  const { code, message, ranks } = await rejected(trainer.fit(await loader(group, batches, damaged)));
  return { code, message, ranks };
}

/** What rank 1 may have otherwise than rank 0. */
export interface Differing {
  width?: number;
  batches?: number;
  options?: TrainerOptions;
}

/** What each of several trainings fails with, as rank 1's is another one. */
export async function differ(
  { rank, worldSize }: ProcessGroup,
  { folder, cases }: { folder: string; cases: readonly Differing[] },
) {
  const messages: string[] = [];
  for (const [index, other] of cases.entries()) {
    const { width = 4, batches = 1, options } = rank === 1 ? other : {};
    const { spec } = smallResNet({ classes: CLASSES, channelsPerClass: 3, inputSize: SIDE, width });
    // A conversation that has failed is over.
    await using group = await initProcessGroup({
      timeoutSeconds: 20,
      rank,
      worldSize,
      store: { file: join(folder, `${index}`) },
    });
    const trainer = new Trainer(new Model(spec), { epochs: 1, ...options, group });
    const error = await rejected(trainer.fit(await loader(group, batches)));
    messages.push(`${error.code}: ${error.message}`);
  }
  return messages;
}

/** What is told of a CUDA graph that several processes are to make. */
export async function graphNotices(group: ProcessGroup) {
  const { spec } = smallResNet({ classes: CLASSES, channelsPerClass: 3, inputSize: SIDE, width: 4 });
  const model = new Model(spec);
  await model.to("float64");
  const notices: string[] = [];
  const trainer = new Trainer(model, { epochs: 1, cudaGraph: true, group });
  for await (const event of trainer.fit(await loader(group, 1)))
    if (event.type === "notice") notices.push(event.reason);
  return notices;
}

/** One process changes a weight by itself. */
export async function tamper(group: ProcessGroup, { batches, options }: Training) {
  const { spec } = smallResNet({ classes: CLASSES, channelsPerClass: 3, inputSize: SIDE, width: 4 });
  const model = new Model(spec);
  const trainer = new Trainer(model, { ...options, group, checkReplicas: true });
  const train = async () => {
    for await (const event of trainer.fit(await loader(group, batches))) {
      if (event.type === "step" && group.rank === 1) noGrad(() => model.state()[0]!.tensor.add_(1));
    }
  };
  const { code, message } = await rejected(train());
  return { code, message };
}

/** Gradients that some processes have, and one that none has, averaged in a loop of one's own. */
export async function average(group: ProcessGroup) {
  const [all, one, none] = [2, 3, 4].map((size) => ones([size], { requiresGrad: true }));
  const loss = all!.mul(group.rank + 1).sum();
  await (group.rank === 0 ? loss.add(one!.sum()) : loss).backward();
  await group.averageGradients([all!, one!, none!]);
  return Promise.all([all!, one!, none!].map(async ({ grad }) => (grad ? await grad.data() : null)));
}

async function loader({ rank, worldSize }: ProcessGroup, count: number, damaged: readonly number[] = []) {
  manualSeed(1);
  const batches: FixedBatch[] = [];
  for (let i = 0; i < count; i += 1) {
    const all = (await randn([BATCH, 3 * SIDE * SIDE], { dtype: "float64" }).data()) as Float64Array;
    if (damaged.includes(i)) all.fill(NaN, 0, 1);
    const own = Array.from({ length: BATCH / worldSize }, (_, k) => k * worldSize + rank);
    const size = 3 * SIDE * SIDE;
    const images = new Float64Array(own.length * size);
    own.forEach((image, k) => images.set(all.subarray(image * size, (image + 1) * size), k * size));
    const labels = own.map((image) => (image + i) % CLASSES);
    batches.push({ images, shape: [3, SIDE, SIDE], labels, paths: own.map((image) => `${i}-${image}.png`) });
  }
  return fixedLoader(batches);
}
