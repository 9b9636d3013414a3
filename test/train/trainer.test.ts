import { expect } from "chai";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DataLoader,
  evaluate,
  ImageFolder,
  loadModel,
  memory,
  smallResNet,
  Trainer,
  Model,
  type LossOptions,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { normalize, randomHorizontalFlip, resize } from "mutual-channel-loss/data";
import { minimum } from "#lib/extremes.js";
import { TimerDelays } from "../support/event-loop.js";
import { settledMemory } from "../support/memory.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

function network(seed = 0): Model {
  const info = { classNames: images.classes, normalization: normalize() };
  return smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, seed, info });
}

function loader(options: { batchSize?: number; shuffle?: boolean } = {}): DataLoader {
  const transforms = [resize(32), randomHorizontalFlip(), normalize()];
  return new DataLoader(images, { batchSize: 8, shuffle: true, transforms, ...options });
}

const GENTLE = { learningRate: 0.02, momentum: 0.9, nesterov: true, weightDecay: 5e-4 };

async function fit(model: Model, options: TrainerOptions = {}): Promise<TrainingEvent[]> {
  const trainer = new Trainer(model, { epochs: 6, optimizer: GENTLE, ...options });
  const events: TrainingEvent[] = [];
  for await (const event of trainer.fit(loader())) events.push(event);
  return events;
}

async function weights(model: Model): Promise<number[]> {
  const all = await Promise.all(model.state().map((entry) => entry.tensor.data()));
  return all.flatMap((data) => [...data].map(Number));
}

describe("Trainer", () => {
  for (const loss of ["ce", { alpha: 1.5, beta: 2 }] satisfies LossOptions[]) {
    it(`learns to tell colours apart with ${loss === "ce" ? "cross-entropy" : "MC-Loss"}`, async () => {
      const model = network();
      await fit(model, { loss, epochs: 12 });
      const result = await evaluate(model, loader({ shuffle: false }), { loss });
      expect(result.accuracy).to.be.above(0.9);
      expect(result.images).to.equal(24);
    });
  }

  it("calls the hooks of the model's parameters, and stops with what they throw", async () => {
    const model = network();
    const [weight] = model.parameters();
    const shapes: number[][] = [];
    const hook = weight!.registerHook((gradient) => {
      shapes.push(gradient.shape);
    });
    await fit(model, { epochs: 1 });
    expect(shapes).to.deep.equal([1, 2, 3].map(() => weight!.shape));
    hook.remove();
    const thrown = new Error("enough");
    weight!.registerHook(() => Promise.reject(thrown));
    expect(await fit(model, { epochs: 1 }).catch((error: unknown) => error)).to.equal(thrown);
  });

  it("yields every step, then the epoch, with finite terms and a falling learning rate", async () => {
    const events = await fit(network(), { epochs: 3, schedule: { type: "cosine" } });
    expect(events.map((event) => event.type)).to.deep.equal(
      [1, 2, 3].flatMap(() => ["step", "step", "step", "epoch"]),
    );
    const steps = events.filter((event) => event.type === "step");
    expect(steps.map((event) => event.step)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(steps.every((event) => event.steps === 9 && Number.isFinite(event.loss))).to.equal(true);
    const rates = steps.map((event) => event.learningRate);
    expect(rates).to.deep.equal([...rates].sort((a, b) => b - a));
    const { crossEntropy, discriminality, diversity, loss } = steps[0]!;
    expect(loss).to.be.closeTo(crossEntropy + 1.5 * discriminality! + 20 * diversity!, 1e-4);
  });

  it("tells the terms of MC-Loss only where they were measured", async () => {
    const terms = ["discriminality", "diversity"];
    for (const { type, ...event } of await fit(network(), { loss: "ce", epochs: 1 })) {
      expect(event, type).to.not.have.any.keys(...terms);
      if ("train" in event) expect(event.train).to.not.have.any.keys(...terms);
    }
    const bare = new Model({ ...network().spec, groups: [] });
    const result = await evaluate(bare, loader({ shuffle: false }));
    expect(result).to.not.have.any.keys(...terms, "groupAccuracy");
    expect(await evaluate(network(), loader())).to.include.all.keys(...terms, "groupAccuracy");
  });

  it("gives the same weights from the same seed, and others from another", async () => {
    const run = async (seed: number) => {
      const model = network(seed);
      await fit(model, { epochs: 2, seed });
      return weights(model);
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).to.deep.equal(first);
    expect(other).to.not.deep.equal(first);
  });

  it("frees what each step makes", async () => {
    const model = network();
    model.state();
    await fit(model, { epochs: 1 });
    const before = await settledMemory();
    await fit(model, { epochs: 3 });
    expect(memory().tensors).to.equal(before.tensors);
  });

  it("writes checkpoints that evaluate to what the run reported", async () => {
    const output = join(folder(), "run");
    const model = network();
    const trainer = new Trainer(model, { epochs: 4, optimizer: GENTLE, output });
    let last = 0;
    for await (const event of trainer.fit(loader(), { validation: loader({ shuffle: false }) })) {
      if (event.type === "epoch") last = event.validation!.crossEntropy;
    }
    expect((await readdir(join(output, "checkpoints"))).sort()).to.deep.equal([
      "best.safetensors",
      "last.safetensors",
    ]);
    const loaded = await loadModel(join(output, "checkpoints", "last.safetensors"));
    const result = await evaluate(
      loaded,
      new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()] }),
    );
    expect(loaded.info.classNames).to.deep.equal(["blue", "green", "red"]);
    expect(result.accuracy).to.be.at.least(0);
    expect(last).to.be.finite;
    expect(await weights(loaded)).to.deep.equal(await weights(model));
  });

  it("keeps timers firing while steps run (99th percentile under 20 ms)", async () => {
    // Several seconds by itself, and many times that where other programs share the cores.
    const model = smallResNet({ classes: 3, inputSize: 224, width: 48 });
    const big = new DataLoader(images, { batchSize: 24, transforms: [resize(224), normalize()] });
    const trainer = new Trainer(model, { epochs: 3, optimizer: GENTLE });
    const delays = new TimerDelays();
    let started = performance.now();
    let longest = 0;
    // Of the epochs, as what others do now and then may hold up a second of one.
    const percentiles: number[] = [];
    for await (const event of trainer.fit(big)) {
      if (event.type === "epoch" && event.epoch > 1) percentiles.push(delays.take(0.99));
      if (event.type !== "step") continue;
      // The first step also decodes the images and loads kernels.
      if (event.step > 1) longest = Math.max(longest, performance.now() - started);
      else delays.take(1);
      started = performance.now();
    }
    delays.stop();
    expect(longest, "a step takes several hundred ms").to.be.above(200);
    expect(minimum(percentiles)).to.be.below(20);
  });

  it("stops at a loss that is not finite, names the batch's files and keeps the last good checkpoint", async () => {
    const output = join(folder(), "nan");
    const trainer = new Trainer(network(), { epochs: 3, optimizer: { learningRate: 1e30 }, output });
    const events: TrainingEvent[] = [];
    const run = async () => {
      for await (const event of trainer.fit(loader())) events.push(event);
    };
    const error = await rejected(run());
    expect(error.code).to.equal("ERR_NAN_LOSS");
    expect(error.message)
      .to.match(/epoch 1/)
      .and.match(/colors\/(red|green|blue)\/\d\.png/);
  });

  it("on abort finishes the step, saves, and throws an AbortError", async () => {
    const output = join(folder(), "aborted");
    const controller = new AbortController();
    const trainer = new Trainer(network(), { epochs: 50, output });
    const events: TrainingEvent[] = [];
    const run = async () => {
      for await (const event of trainer.fit(loader(), { signal: controller.signal })) {
        events.push(event);
        if (events.length === 6) controller.abort();
      }
    };
    const error = await rejected(run());
    expect(error).to.include({ code: "ERR_ABORTED", name: "AbortError" });
    expect(error.message).to.contain("last.safetensors");
    expect(events.at(-1)).to.deep.include({ type: "checkpoint", reason: "interrupted" });
    expect((await loadModel(output)).spec.name).to.equal("small-resnet");
  });

  it("refuses an output folder that cannot be made, before training", async () => {
    const file = join(folder(), "a-file");
    await writeFile(file, "");
    const trainer = new Trainer(network(), { epochs: 1, output: join(file, "run") });
    const error = await rejected(trainer.fit(loader()).next());
    expect(error).to.include({ code: "ERR_IO", argument: "output", path: join(file, "run") });
  });

  it("names bad options", () => {
    const message = (options: TrainerOptions) => {
      try {
        new Trainer(network(), options);
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message({ epochs: 0 })).to.match(/^epochs must be a positive integer/);
    expect(message({ schedule: { type: "cosine", warmupEpochs: 100 } })).to.match(/^schedule.warmupEpochs/);
    expect(message({ schedule: { type: "multiStep", milestones: [5, 3] } })).to.match(/^schedule.milestones/);
    expect(message({ optimizer: { learningRate: -1 } })).to.match(/learningRate must be at least 0/);
    expect(message({ optimizer: { learningRate: 1, nesterov: true } })).to.match(/nesterov needs momentum/);
    expect(message({ loss: { keep: 5 } })).to.match(/^loss\.keep must be an integer from 1 to 2/);
  });
});
