import { expect } from "chai";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DataLoader,
  ImageFolder,
  memory,
  smallResNet,
  Trainer,
  type FitOptions,
  type McLossError,
  type Model,
  type TrainerOptions,
  type TrainingEvent,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { fixedLoader, type FixedBatch } from "../support/fixed-loader.js";
import { numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { loaderOf, networkOf, OPTIONS, trainIn } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;
let whole: Buffer;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
  await trainIn(images, join(folder(), "whole"));
  whole = await last(join(folder(), "whole"));
});

const last = (output: string) => readFile(join(output, "checkpoints", "last.safetensors"));
const heldOut = () => new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()] });

/** As {@link trainIn} trains, which goes on with it. */
function fit(output: string, options: FitOptions & { validation?: DataLoader } = {}) {
  const trainer = new Trainer(networkOf(images), { ...OPTIONS, output });
  return trainer.fit(loaderOf(images), { validation: heldOut(), ...options });
}

async function expectSameEnd(output: string): Promise<void> {
  await trainIn(images, output, { resume: true });
  expect((await last(output)).equals(whole)).to.equal(true);
}

async function epochsOf(output: string): Promise<number[]> {
  const lines = (await readFile(join(output, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { epoch: number }).epoch);
}

describe("Run", () => {
  it("trains to the end when it is awaited, and not before", async () => {
    const output = join(folder(), "awaited");
    const run = fit(output);
    const result = await run;
    expect(result).to.include({ epochs: 3, stopped: false, nonFinite: 0 });
    expect(result.last).to.include({ epoch: 3 });
    expect((await last(output)).equals(whole)).to.equal(true);
    expect(await run).to.equal(result);
    const events: TrainingEvent[] = [];
    for await (const event of run) events.push(event);
    expect(events).to.deep.equal([]);
  });

  it("gives its result after an iteration too, and its error", async () => {
    const run = fit(join(folder(), "iterated"));
    let epochs = 0;
    for await (const { type } of run) epochs += type === "epoch" ? 1 : 0;
    expect(await run).to.include({ epochs, stopped: false });
    const broken = new Trainer(networkOf(images), { output: join(folder(), "colors", "red", "0.png") });
    const failed = broken.fit(loaderOf(images));
    expect((await rejected(Promise.resolve(failed))).code).to.equal("ERR_IO");
    expect((await rejected(Promise.resolve(failed))).code).to.equal("ERR_IO");
  });

  it("is a promise in all that one can do with it, also after an event was asked for by hand", async () => {
    const run = fit(join(folder(), "by-hand"));
    expect((await run.next()).done).to.equal(false);
    const [result] = await Promise.all([run, run]);
    expect(result).to.include({ epochs: 3, stopped: false });
    let over = false;
    expect(await run.finally(() => (over = true))).to.equal(result);
    expect(over).to.equal(true);
    using trainer = new Trainer(networkOf(images), { output: join(folder(), "colors", "red", "0.png") });
    const code = await trainer.fit(loaderOf(images)).catch((error: unknown) => (error as McLossError).code);
    expect(code).to.equal("ERR_IO");
  });

  it("is awaited beside a loop that watches it, which misses nothing", async () => {
    const run = fit(join(folder(), "beside"));
    const epochs: number[] = [];
    const watch = async () => {
      for await (const event of run) if (event.type === "epoch") epochs.push(event.epoch);
    };
    const watching = watch();
    expect(await run).to.include({ epochs: 3 });
    await watching;
    expect(epochs).to.deep.equal([1, 2, 3]);
  });

  it("is the only one of its trainer at a time", async () => {
    using trainer = new Trainer(networkOf(images), { epochs: 1 });
    const first = trainer.fit(loaderOf(images));
    await first.next();
    const error = await rejected(trainer.fit(loaderOf(images)));
    expect(error).to.include({ code: "ERR_BUSY" });
    expect(error.message).to.match(/in a fit\(\) already: wait for the end of that, or make another trainer/);
    expect(await first).to.include({ epochs: 1, stopped: false });
    expect(await trainer.fit(loaderOf(images))).to.include({ epochs: 1 });
  });

  it("has an epoch on the disk before it tells of it: a break there loses nothing", async () => {
    const output = join(folder(), "broken");
    const run = fit(output);
    for await (const event of run) {
      if (event.type !== "epoch" || event.epoch < 2) continue;
      expect(await epochsOf(output)).to.deep.equal([1, 2]);
      break;
    }
    expect(await run).to.include({ epochs: 2, stopped: true });
    expect(await epochsOf(output)).to.deep.equal([1, 2]);
    await expectSameEnd(output);
  });

  for (const way of ["a break", "stop()"]) {
    it(`ends after the step with a checkpoint on ${way}`, async () => {
      const output = join(folder(), way);
      const run = fit(output);
      const types: string[] = [];
      for await (const event of run) {
        types.push(event.type === "checkpoint" ? event.reason : event.type);
        if (event.type !== "step" || event.step !== 5) continue;
        if (way === "a break") break;
        run.stop();
      }
      expect(await run).to.include({ epochs: 1, stopped: true });
      if (way === "stop()") expect(types.slice(-2)).to.deep.equal(["step", "interrupted"]);
      await expectSameEnd(output);
    });
  }

  it("that was not begun is ended without a trace", async () => {
    const output = join(folder(), "unbegun");
    const run = fit(output);
    await run.return();
    expect(await run).to.include({ epochs: 0, stopped: true });
    expect(existsSync(output)).to.equal(false);
  });

  it("heeds an abort during validation, and goes on from there", async () => {
    const output = join(folder(), "validating");
    const controller = new AbortController();
    const validation = heldOut();
    const read = validation.batches.bind(validation);
    let rounds = 0;
    validation.batches = async function* (options) {
      rounds += 1;
      for await (const batch of read(options)) {
        if (rounds === 2) controller.abort();
        yield batch;
      }
    };
    const error = await rejected(Promise.resolve(fit(output, { validation, signal: controller.signal })));
    expect(error).to.include({ code: "ERR_ABORTED" });
    expect(error.message).to.match(/interrupted in epoch 2; .*last\.safetensors/);
    expect(await epochsOf(output)).to.deep.equal([1]);
    await expectSameEnd(output);
  });

  it("heeds an abort while images are awaited, and goes on from there", async () => {
    const output = join(folder(), "stalled");
    const controller = new AbortController();
    const stalling = loaderOf(images);
    const read = stalling.batches.bind(stalling);
    stalling.batches = async function* ({ signal } = {}) {
      let count = 0;
      for await (const batch of read(signal ? { signal } : {})) {
        yield batch;
        if (++count < 2) continue;
        setImmediate(() => controller.abort());
        await new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        }).catch(() => undefined);
      }
    };
    const trainer = new Trainer(networkOf(images), { ...OPTIONS, output });
    const run = trainer.fit(stalling, { validation: heldOut(), signal: controller.signal });
    expect((await rejected(Promise.resolve(run))).code).to.equal("ERR_ABORTED");
    await expectSameEnd(output);
  });
});

describe("an update of accumulated batches", () => {
  const SIZE = 3 * 32 * 32;
  const batch = (scale: number): FixedBatch => ({
    images: Float32Array.from({ length: 4 * SIZE }, (_, i) => scale * Math.sin(i * (1 + (i % 7)))),
    shape: [3, 32, 32],
    labels: [0, 1, 2, 1],
  });

  /** A loader that was to have `length` batches. */
  function shortened(batches: FixedBatch[], length: number): DataLoader {
    return Object.assign(fixedLoader(batches), { length });
  }

  async function train(loader: DataLoader, accumulate: number): Promise<number[]> {
    const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    const optimizer = { learningRate: 0.01, momentum: 0.9 };
    const loss = { keep: "all" } as const;
    using trainer = new Trainer(model, {
      epochs: 1,
      accumulate,
      optimizer,
      loss,
      schedule: { type: "constant" },
    });
    await trainer.fit(loader);
    return (await Promise.all(model.parameters().map(numbersOf))).flat();
  }

  it("is made of those that came where skipped images take others at an epoch's end", async () => {
    const batches = [batch(1), batch(2), batch(0.5)];
    const lost = await train(shortened(batches, 4), 2);
    const planned = await train(shortened(batches, 3), 2);
    lost.forEach((value, i) => expect(value).to.be.closeTo(planned[i]!, 1e-6));
    const dropped = await train(shortened(batches.slice(0, 2), 2), 2);
    expect(lost).to.not.deep.equal(dropped);
  });

  it("is an error where there is none in an epoch, which tells of the images that could not be read", async () => {
    const skipped = [{ index: 0, path: "photos/a.png", reason: "cut off" }];
    const error = await rejected(train(Object.assign(shortened([], 2), { skipped }), 1));
    expect(error).to.include({ code: "ERR_DATASET", path: "photos/a.png" });
    expect(error.message).to.match(/epoch 1 had no batch.*1 images could not be read.*batchSize.*dropLast/);
  });
});

describe("a Trainer whose run is over", () => {
  const HEAVY = { epochs: 1, ema: 0.9, optimizer: { type: "adamw", learningRate: 0.01 } } as const;

  it("holds nothing of it, though it was not disposed: five leave what none does", async () => {
    const trainers: Trainer[] = [];
    const train = async (stop: boolean) => {
      using model = networkOf(images);
      const trainer = new Trainer(model, { ...HEAVY, loss: "ce" });
      trainers.push(trainer);
      const run = trainer.fit(loaderOf(images), { validation: heldOut() });
      for await (const { type } of run) if (stop && type === "step") break;
    };
    await train(false);
    const before = await settledMemory();
    for (const stop of [false, true, false, true, false]) await train(stop);
    expect(trainers).to.have.length(6);
    await expectNoneLeft(before);
    expect(memory().bytes).to.equal(before.bytes);
  });

  it("holds nothing that grows with the weights beside the model before a run", async () => {
    using model = networkOf(images);
    model.state();
    const before = await settledMemory();
    const trainers = Array.from({ length: 3 }, () => new Trainer(model, { ...HEAVY, loss: "ce" }));
    expect(memory().bytes).to.equal(before.bytes);
    trainers.forEach((trainer) => trainer.dispose());
  });

  it("begins another as the first, whatever the first has left of the optimizer and the masks", async () => {
    const weights = async (runs: number) => {
      using model = networkOf(images);
      const start = Object.fromEntries(model.state().map(({ name, tensor }) => [name, tensor.clone()]));
      using trainer = new Trainer(model, { ...HEAVY, loss: { beta: 2, center: {} } });
      for (let run = 0; run < runs; run += 1) {
        model.loadStateDict(start);
        await trainer.fit(loaderOf(images));
      }
      return (await Promise.all(model.parameters().map(numbersOf))).flat();
    };
    expect(await weights(2)).to.deep.equal(await weights(1));
  });
});

describe("a disposed Trainer", () => {
  it("has freed all that it made, and not the model", async () => {
    const model: Model = networkOf(images);
    model.state();
    const run = async (options: TrainerOptions) => {
      using trainer = new Trainer(model, { epochs: 1, ema: 0.9, loss: { beta: 2, center: {} }, ...options });
      await trainer.fit(loaderOf(images));
    };
    await run({ optimizer: { type: "adamw", learningRate: 0.01 } });
    const before = await settledMemory();
    for (let i = 0; i < 3; i += 1) await run({ optimizer: { type: "adamw", learningRate: 0.01 } });
    expect(memory().bytes).to.equal(before.bytes);
    expect(memory().tensors).to.equal(before.tensors);
    expect((await model.parameters()[0]!.data()).length).to.be.above(0);
  });

  it("trains and evaluates no more", async () => {
    const trainer = new Trainer(networkOf(images));
    trainer.dispose();
    trainer.dispose();
    expect((await rejected(Promise.resolve(trainer.fit(loaderOf(images))))).code).to.equal("ERR_DISPOSED");
    expect((await rejected(trainer.evaluate(heldOut()))).code).to.equal("ERR_DISPOSED");
  });
});
