import {
  DataLoader,
  evaluate,
  ImageFolder,
  Model,
  Trainer,
  smallResNet,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { normalize, randomHorizontalFlip, resize, samplers } from "mutual-channel-loss/data";
import type { ProcessGroup } from "#lib/distributed/process-group.js";
import { ChannelHealthTally } from "#lib/loss/channel-health.js";
import { rejected } from "../support/errors.js";
import { withDropout } from "../support/run.js";

export interface Order {
  images: string;
  output: string;
  /** Ends the run after so many steps. */
  stopAfter?: number;
  /** The rank that is told to. Default 0. */
  stopRank?: number;
  resume?: boolean;
  /** What the processes share. Default: a shuffle. */
  sampler?: "classBalanced" | "weighted";
  options: TrainerOptions;
}

/** What a rank saw of a run. */
export interface Seen {
  steps: number;
  notices: string[];
  epochs: string[];
  error?: { code: string; message: string };
}

const transforms = [resize(32), normalize()];

function network(images: ImageFolder): Model {
  const { spec } = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 4 });
  return new Model(withDropout(spec), { info: { classNames: images.classes, normalization: normalize() } });
}

/** Trains on a folder in batches of 12 images of all processes together. */
async function trainOnce(group: ProcessGroup, order: Order): Promise<Seen> {
  const { rank, worldSize } = group;
  const { stopAfter = Infinity, stopRank = 0, resume = false, sampler = "shuffle", options } = order;
  const images = await ImageFolder.open(order.images);
  const train = new DataLoader(images, {
    batchSize: 12 / worldSize,
    sampler: samplers.distributed(rank, worldSize, { sampler: samplers[sampler]() }),
    transforms: [resize(32), randomHorizontalFlip(), normalize()],
  });
  const validation = new DataLoader(images, {
    batchSize: 5,
    sampler: samplers.shard(rank, worldSize),
    transforms,
  });
  const output = rank === 0 ? order.output : undefined;
  const trainer = new Trainer(network(images), {
    ...options,
    output,
    group: worldSize > 1 ? group : undefined,
  });
  const controller = new AbortController();
  const seen: Seen = { steps: 0, notices: [], epochs: [] };
  const run = trainer.fit(train, { validation, resume, channelHealth: true, signal: controller.signal });
  try {
    for await (const event of run)
      note(seen, event, () => rank === stopRank && controller.abort(), stopAfter);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    seen.error = { code, message };
  }
  return seen;
}

function note(seen: Seen, event: TrainingEvent, stop: () => void, stopAfter: number): void {
  if (event.type === "notice") seen.notices.push(event.reason);
  if (event.type === "step") {
    seen.steps += 1;
    if (seen.steps === stopAfter) stop();
  }
  if (event.type !== "epoch") return;
  const { train, validation, channels, skipped } = event;
  seen.epochs.push(JSON.stringify({ train, validation, channels, skipped }));
}

/** Several runs, one after another. */
export async function runs(group: ProcessGroup, orders: Order[]): Promise<Seen[]> {
  const all: Seen[] = [];
  for (const order of orders) all.push(await trainOnce(group, order));
  return all;
}

/** The evaluation of a fixed network on all images of a folder, of which each process sees a part. */
export async function judge(
  group: ProcessGroup,
  { images: folder, share }: { images: string; share: boolean },
) {
  const images = await ImageFolder.open(folder);
  const model = network(images);
  using channels = new ChannelHealthTally(model.groups!);
  const sampler = share ? samplers.shard(group.rank, group.worldSize) : samplers.sequential();
  const loader = new DataLoader(images, { batchSize: 4, sampler, transforms });
  const evaluation = await evaluate(model, loader, { group, channels });
  return { evaluation, channels: (await channels.result()).overall };
}

/** What a trainer of a group refuses. */
export async function refused(group: ProcessGroup, folder: string) {
  const { rank, worldSize } = group;
  const images = await ImageFolder.open(folder);
  const trainer = new Trainer(network(images), { group });
  const whole = new DataLoader(images, { batchSize: 4, transforms });
  const other = new DataLoader(images, {
    batchSize: 4,
    sampler: samplers.shard((rank + 1) % worldSize, worldSize),
    transforms,
  });
  return [await rejected(trainer.fit(whole)), await rejected(trainer.evaluate(other))].map(
    ({ message }) => message,
  );
}

/** A run that ends early, with the weights that it leaves, and the rate that is found before it. */
export async function endsEarly(group: ProcessGroup, order: Pick<Order, "images" | "output">) {
  const { rank, worldSize } = group;
  const images = await ImageFolder.open(order.images);
  const train = new DataLoader(images, {
    batchSize: 12 / worldSize,
    sampler: samplers.distributed(rank, worldSize),
    transforms,
  });
  const validation = new DataLoader(images, {
    batchSize: 6,
    sampler: samplers.shard(rank, worldSize),
    transforms,
  });
  const model = network(images);
  const trainer = new Trainer(model, {
    group,
    output: rank === 0 ? order.output : undefined,
    epochs: 9,
    monitor: "loss",
    optimizer: { type: "sgd", learningRate: 0.05 },
    // A rate that is far too high after the first epoch.
    schedule: { type: "multiStep", milestones: [1], gamma: 40 },
    earlyStopping: { patience: 2 },
    onNan: "skip",
  });
  const { suggestion } = await trainer.findRate(train, { steps: 12 });
  const { epochs, stoppedEarly, best } = await trainer.fit(train, { validation });
  const bias = model.state().findLast(({ name }) => name.endsWith("bias"))?.tensor;
  return { suggestion, epochs, stoppedEarly, best, bias: Array.from((await bias?.data()) as Float32Array) };
}
