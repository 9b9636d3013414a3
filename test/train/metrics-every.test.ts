import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  ImageFolder,
  loadModel,
  smallResNet,
  Trainer,
  type Model,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { allowTf32 } from "mutual-channel-loss/tensor";
import { type OptimizerSpec } from "mutual-channel-loss/train";
import { rejected } from "../support/errors.js";
import { fixedLoader, type FixedBatch } from "../support/fixed-loader.js";
import { numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { loaderOf, networkOf, OPTIONS, trainIn } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

/** Steps without what depends on the clock. */
function timeless(events: readonly TrainingEvent[]) {
  return events.flatMap((event) => {
    if (event.type !== "step") return [];
    const { dataSeconds, ...step } = event;
    return [step];
  });
}

async function stateOf(model: Model): Promise<number[]> {
  return (await Promise.all(model.state().map(({ tensor }) => numbersOf(tensor)))).flat();
}

describe("metricsEvery", () => {
  it("changes neither the weights nor what is told of a step: 1 and 5 are bit for bit the same", async () => {
    const run = async (metricsEvery: number) => {
      const output = join(folder(), `every-${metricsEvery}`);
      const events: TrainingEvent[] = [];
      await trainIn(images, output, { metricsEvery, onEvent: (event) => events.push(event) });
      const checkpoint = await readFile(join(output, "checkpoints", "last.safetensors"));
      return { steps: timeless(events), checkpoint };
    };
    const [each, fifth] = [await run(1), await run(5)];
    expect(fifth.steps).to.deep.equal(each.steps);
    expect(fifth.checkpoint.equals(each.checkpoint)).to.equal(true);
  });

  it("tells of the steps together, before the epoch ends and before an interruption", async () => {
    const order: string[] = [];
    const trainer = new Trainer(networkOf(images), { ...OPTIONS, epochs: 1, metricsEvery: 2 });
    const loader = loaderOf(images);
    const read = loader.batches.bind(loader);
    loader.batches = async function* () {
      for await (const batch of read()) {
        order.push("batch");
        yield batch;
      }
    };
    for await (const event of trainer.fit(loader)) order.push(event.type);
    expect(order).to.deep.equal(["batch", "batch", "step", "step", "batch", "step", "epoch"]);
    const controller = new AbortController();
    const slow = loaderOf(images);
    slow.batches = async function* (options) {
      for await (const batch of loaderOf(images).batches(options)) {
        yield batch;
        controller.abort();
      }
    };
    const interrupted = new Trainer(networkOf(images), { ...OPTIONS, metricsEvery: 2 });
    const events: string[] = [];
    const run = async () => {
      for await (const { type } of interrupted.fit(slow, { signal: controller.signal })) {
        events.push(type);
      }
    };
    expect((await rejected(run())).code).to.equal("ERR_ABORTED");
    expect(events).to.deep.equal(["step"]);
  });

  it("frees the metrics of every step, read or not", async () => {
    const model = networkOf(images);
    const run = async (steps: number) => {
      let left = steps;
      const trainer = new Trainer(model, { epochs: 2, metricsEvery: 2, optimizer: { learningRate: 0.01 } });
      for await (const { type } of trainer.fit(loaderOf(images))) {
        left -= type === "step" ? 1 : 0;
        if (left === 0) break;
      }
    };
    await run(6);
    const before = await settledMemory();
    await run(6);
    await run(2);
    await expectNoneLeft(before);
  });

  it("is named where it is wrong", () => {
    const make = (options: TrainerOptions) => () => new Trainer(networkOf(images), options);
    expect(make({ metricsEvery: 0 }))
      .to.throw()
      .with.property("argument", "metricsEvery");
    expect(make({ tf32: 1 as never }))
      .to.throw()
      .with.property("argument", "tf32");
  });
});

describe("a loss that is not finite", () => {
  const SHAPE = [3, 32, 32];
  const SIZE = 3 * 32 * 32;

  /** Images that differ by `scale`; with NaN, damaged ones. */
  function batch(scale: number): FixedBatch {
    const pixels = Float32Array.from({ length: 4 * SIZE }, (_, i) => scale * Math.sin(i * (1 + (i % 7))));
    return {
      images: pixels,
      shape: SHAPE,
      labels: [0, 1, 2, 1],
      paths: ["a", "b", "c", "d"].map((n) => `${n}${scale}`),
    };
  }

  function network(): Model {
    return smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
  }

  const OPTIMIZERS: OptimizerSpec[] = [
    { type: "sgd", learningRate: 0.01, momentum: 0.9 },
    { type: "adamw", learningRate: 0.01 },
    { type: "rmsprop", learningRate: 0.01, momentum: 0.9, centered: true },
  ];

  for (const optimizer of OPTIMIZERS) {
    it(`skipped leaves weights, statistics and ${optimizer.type}'s state as without its batch`, async () => {
      const run = async (batches: FixedBatch[]) => {
        const model = network();
        const options = { epochs: 1, optimizer, onNan: "skip", metricsEvery: 3, seed: 3 } as const;
        const schedule = { type: "constant" } as const;
        // One mask for all: a batch that is left out draws none.
        const trainer = new Trainer(model, { ...options, schedule, loss: { keep: "all", center: {} } });
        const events: TrainingEvent[] = [];
        for await (const event of trainer.fit(fixedLoader(batches))) events.push(event);
        return { state: await stateOf(model), events };
      };
      const [clean, damaged] = [
        await run([batch(1), batch(2), batch(0.5)]),
        await run([batch(1), batch(NaN), batch(2), batch(0.5)]),
      ];
      expect(damaged.state).to.deep.equal(clean.state);
      const epoch = damaged.events.find((event) => event.type === "epoch")!;
      expect(epoch).to.include({ nonFinite: 1 });
      expect(epoch.train).to.deep.equal(clean.events.find((event) => event.type === "epoch")!.train);
    });
  }

  it("skipped takes the whole update that its batch has a part in with it", async () => {
    const run = async (batches: FixedBatch[]) => {
      const model = network();
      const options = { epochs: 1, onNan: "skip", accumulate: 2, optimizer: { learningRate: 0.01 } } as const;
      const loss = { keep: "all" } as const;
      const trainer = new Trainer(model, { ...options, loss, schedule: { type: "constant" } });
      const run = trainer.fit(fixedLoader(batches));
      // An epoch without any update is an error.
      if (batches.length > 2) expect(await run).to.include({ nonFinite: 1 });
      else expect(await rejected(Promise.resolve(run))).to.include({ code: "ERR_NAN_LOSS" });
      return (await Promise.all(model.parameters().map(numbersOf))).flat();
    };
    const start = (await Promise.all(network().parameters().map(numbersOf))).flat();
    expect(await run([batch(NaN), batch(1)])).to.deep.equal(start);
    expect(await run([batch(1), batch(NaN)])).to.deep.equal(start);
    expect(await run([batch(NaN), batch(1), batch(1), batch(1)])).to.not.deep.equal(start);
  });

  for (const metricsEvery of [1, 3]) {
    it(`stops with the names of its batch's files, read every ${metricsEvery} steps`, async () => {
      const model = network();
      const trainer = new Trainer(model, { epochs: 1, metricsEvery });
      const events: TrainingEvent[] = [];
      const run = async () => {
        const loader = fixedLoader([batch(1), batch(NaN), batch(2), batch(3)]);
        for await (const event of trainer.fit(loader)) events.push(event);
      };
      const error = await rejected(run());
      expect(error.code).to.equal("ERR_NAN_LOSS");
      expect(error.message).to.contain("files: aNaN, bNaN, cNaN, dNaN.");
      expect(events.map((event) => event.type)).to.deep.equal(["step"]);
      const weights = (await Promise.all(model.parameters().map(numbersOf))).flat();
      expect(weights.every(Number.isFinite)).to.equal(true);
    });
  }

  it("and weights that are not finite never reach a checkpoint", async () => {
    const output = join(folder(), "good");
    const path = join(output, "checkpoints", "last.safetensors");
    const model = networkOf(images);
    const trainer = new Trainer(model, { ...OPTIONS, output, metricsEvery: 3 });
    let before = Buffer.alloc(0);
    const run = async () => {
      for await (const event of trainer.fit(loaderOf(images))) {
        if (event.type === "checkpoint") before = await readFile(path);
        // The second epoch's last.
        if (event.type === "step" && event.step === 6) model.parameters()[0]!.detach().mul_(Infinity);
      }
    };
    const error = await rejected(run());
    expect(error).to.include({ code: "ERR_NAN_LOSS" });
    expect(error.message).to.match(/weights became infinite or NaN in epoch 2 and were not saved/);
    expect((await readFile(path)).equals(before)).to.equal(true);
    expect((await loadModel(output)).spec.name).to.equal("small-resnet");
  });
});

describe("allowTf32", () => {
  it("is LibTorch's own setting for the process, which a trainer's tf32 sets too", async () => {
    const first = allowTf32();
    try {
      expect(allowTf32(true)).to.equal(true);
      expect(allowTf32()).to.equal(true);
      const trainer = new Trainer(networkOf(images), { ...OPTIONS, epochs: 1, tf32: false });
      await trainer.fit(loaderOf(images)).next();
      expect(allowTf32()).to.equal(false);
      expect(() => allowTf32("yes" as never))
        .to.throw()
        .with.property("argument", "allow");
    } finally {
      allowTf32(first);
    }
  });
});
