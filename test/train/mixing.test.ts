import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  DataLoader,
  ImageFolder,
  Model,
  smallResNet,
  tensor,
  Tensor,
  Trainer,
  type LossOptions,
} from "mutual-channel-loss";
import { Batch, normalize, resize } from "mutual-channel-loss/data";
import { mixBatch, type MixingSpec, type StepEvent } from "mutual-channel-loss/train";
import { native } from "#lib/native/binding.js";
import { randomAt } from "#lib/image/random.js";
import { BatchMixer } from "#lib/train/batch-mixer.js";
import { cutAround } from "#lib/train/mixing/cutmix.js";
import type { Mixing } from "#lib/train/mixing/definition.js";
import { drawBeta } from "#lib/train/mixing/draw-beta.js";
import { caught, rejected } from "../support/errors.js";
import { numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { fixtureModel, lossesFixture } from "../support/losses-fixture.js";
import { safetensorsFixture } from "../support/safetensors-fixture.js";

const FOLDER = new URL("../fixtures/augmentation/", import.meta.url);
const expected = safetensorsFixture(new URL("expected.safetensors", FOLDER));
const { mixes } = JSON.parse(readFileSync(new URL("cases.json", FOLDER), "utf8")) as {
  mixes: {
    labels: number[];
    classes: number;
    of: { share?: number; area?: number; x?: number; y?: number; box?: NonNullable<Mixing["box"]> }[];
  };
};

const folder = temporaryFolder();

describe("mixed batches beside torchvision's MixUp and CutMix, from the same draws", () => {
  const { shape, values } = expected("batch");
  const [, , height = 0, width = 0] = shape;
  const labels = tensor(Int32Array.from(mixes.labels), { dtype: "int64" });
  const images = tensor(values, { shape });

  for (const [position, one] of mixes.of.entries()) {
    it(JSON.stringify(one), async () => {
      const mixing = one.box ? boxFor(one) : { share: one.share! };
      if (one.box) expect(mixing.box).to.deep.equal(one.box);
      const { share, box } = mixing;
      const mixed = await native().mixBatch(images.handle, labels.handle, {
        classes: mixes.classes,
        share,
        box: box && [box.top, box.left, box.height, box.width],
      });
      const made = [new Tensor(mixed.images), new Tensor(mixed.targets)];
      for (const [name, got] of [
        [`mixed ${position}`, made[0]!],
        [`targets ${position}`, made[1]!],
      ] as const) {
        expect(got.shape).to.deep.equal(expected(name).shape);
        expect(await got.data(), name).to.deep.equal(expected(name).values);
      }
    });
  }

  function boxFor({ area = 0, x = 0, y = 0 }): Mixing {
    return cutAround({ height, width }, area, { x, y });
  }
});

describe("what is drawn of a mixing", () => {
  it("is of Beta(α, α): its quantiles are those of the arcsine and the uniform distribution", () => {
    const random = randomAt(3);
    const draws = (alpha: number) =>
      Array.from({ length: 4000 }, () => drawBeta(alpha, random)).sort((a, b) => a - b);
    // The largest distance of 4000 draws from their distribution is above 0.0307 once in 1000 times.
    const arcsine = (x: number) => (2 / Math.PI) * Math.asin(Math.sqrt(x));
    for (const [alpha, below] of [
      [0.5, arcsine],
      [1, (x: number) => x],
      [2, (x: number) => x * x * (3 - 2 * x)],
    ] as const) {
      draws(alpha).forEach((x, i) => expect(below(x)).to.be.closeTo(i / 4000, 0.031));
    }
  });

  it("depends on the seed, the epoch and the position, and follows the weights", () => {
    const mix: MixingSpec[] = [
      { type: "mixup", alpha: 0.2 },
      { type: "cutmix", weight: 2 },
      { type: "none", weight: 0 },
    ];
    const draw = (seed: number, epoch: number, position: number) =>
      new BatchMixer(mix, seed).draw(epoch, position, { height: 20, width: 30 });
    expect(draw(1, 2, 3)).to.deep.equal(draw(1, 2, 3));
    const others = [draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)];
    expect(new Set(others.map(({ share }) => share)).size).to.equal(4);
    const many = Array.from({ length: 3000 }, (_, position) => draw(0, 1, position));
    // 2000 are expected; 5 standard deviations.
    expect(many.filter(({ box }) => box).length).to.be.within(1870, 2130);
    for (const { share, box } of many) {
      if (!box) continue;
      expect(share).to.equal(1 - (box.height * box.width) / 600);
      expect(box.top + box.height).to.be.at.most(20);
      expect(box.left + box.width).to.be.at.most(30);
    }
  });
});

describe("training on mixed batches", () => {
  const MIX: MixingSpec[] = [{ type: "mixup" }, { type: "cutmix" }, { type: "none" }];

  async function open(output?: string) {
    const dir = await writeColorFolder(join(folder(), "images"));
    const images = await ImageFolder.open(dir);
    const load = () =>
      new DataLoader(images, { batchSize: 4, shuffle: true, transforms: [resize(16), normalize()] });
    const model = () =>
      new Model(smallResNet({ classes: images.classes.length, inputSize: 16, width: 4 }).spec, { seed: 3 });
    const trainer = (epochs: number) =>
      new Trainer(model(), { epochs, mix: MIX, schedule: { type: "constant" }, loss: { beta: 1 }, output });
    return { load, trainer, classes: images.classes.length };
  }

  const stateOf = async (trainer: Trainer) =>
    Promise.all(trainer.model.state().map(({ tensor: each }) => numbersOf(each)));

  it("is the same again, and after it was stopped and resumed", async () => {
    const whole = await open();
    const [once, again] = [whole.trainer(4), whole.trainer(4)];
    await once.fit(whole.load());
    await again.fit(whole.load());
    expect(await stateOf(again)).to.deep.equal(await stateOf(once));
    const parts = await open(join(folder(), "run"));
    const stopping = parts.trainer(4);
    const run = stopping.fit(parts.load());
    for await (const event of run) if (event.type === "step" && event.step === 3) run.stop();
    const resumed = parts.trainer(4);
    await resumed.fit(parts.load(), { resume: true });
    expect(await stateOf(resumed)).to.deep.equal(await stateOf(once));
  });

  it("tells the losses and the accuracy of what mixBatch() gives", async () => {
    const { load, trainer, classes } = await open();
    const training = trainer(1);
    const batch = await firstBatch(load());
    const mixed = await mixBatch(batch.images, batch.labels, { mix: MIX, classes, epoch: 1, position: 0 });
    expect(mixed.share).to.be.below(1);
    const targets = await numbersOf(mixed.targets);
    expect(targets.reduce((sum, share) => sum + share)).to.be.closeTo(4, 1e-6);
    const step = await firstStep(training, load());
    const twin = trainer(1);
    const unmixed = new Trainer(twin.model, { epochs: 1, loss: { beta: 1 }, schedule: { type: "constant" } });
    const given = new Batch(mixed.images, mixed.targets, batch.samples);
    expect(step.loss).to.equal((await firstStep(unmixed, oneBatch(given))).loss);
  });

  it("refuses a loss that needs one class for each image, and a list of nothing", () => {
    const model = new Model(smallResNet({ classes: 2, inputSize: 16, width: 4 }).spec);
    const build = (mix: readonly MixingSpec[], loss: LossOptions = {}) => new Trainer(model, { mix, loss });
    expect(caught(() => build(MIX, { center: {} }))).to.deep.include({
      code: "ERR_ARGUMENT",
      argument: "mix",
    });
    expect(caught(() => build(MIX, { center: {} })).message).to.include(
      'the loss "center", which needs one class',
    );
    expect(caught(() => build([])).argument).to.equal("mix");
    expect(caught(() => build([{ type: "none", weight: 0 }])).message).to.include("a weight above 0");
    expect(caught(() => build([{ type: "mixup", alpha: 0 }])).argument).to.equal("mix[0].alpha");
  });
});

describe("training losses of distributions against PyTorch over 3 steps (float64, 1e-12)", () => {
  const { targets, runs } = JSON.parse(
    readFileSync(new URL("../fixtures/soft-targets/soft-targets.json", import.meta.url), "utf8"),
  ) as {
    targets: number[];
    runs: { loss: LossOptions; steps: Partial<StepEvent>[]; weights: Record<string, number[]> }[];
  };
  const softBatch = () => {
    const { images, shape, labels } = lossesFixture;
    const rows = tensor(Float64Array.from(targets), { shape: [labels.length, 3] });
    const samples = labels.map((label, i) => ({ label, path: String(i) }));
    return new Batch(tensor(Float64Array.from(images), { shape }), rows, samples);
  };

  for (const { loss, steps, weights } of runs) {
    it(JSON.stringify(loss), async () => {
      const model = await fixtureModel();
      const optimizer = { learningRate: lossesFixture.learningRate };
      const options = { loss, optimizer, epochs: 3, schedule: { type: "constant" } } as const;
      const made: StepEvent[] = [];
      for await (const event of new Trainer(model, options).fit(oneBatch(softBatch))) {
        if (event.type === "step") made.push(event);
      }
      for (const [i, wanted] of steps.entries()) {
        for (const [term, value] of Object.entries(wanted)) {
          expect(made[i]![term as "loss"], term).to.be.closeTo(value as number, 1e-12);
        }
      }
      for (const { name, tensor: each } of model.state()) {
        const got = await numbersOf(each);
        got.forEach((value, i) => expect(value, name).to.be.closeTo(weights[name]![i]!, 1e-12));
      }
    });
  }

  it("are refused with a center loss", async () => {
    const trainer = new Trainer(await fixtureModel(), { loss: { type: "ce", center: {} }, epochs: 1 });
    const error = await rejected(trainer.fit(oneBatch(softBatch)));
    expect(error.message).to.include("a center loss needs one class for each image");
  });
});

async function firstBatch(loader: DataLoader): Promise<Batch> {
  for await (const batch of loader) return batch;
  return expect.fail("no batch");
}

async function firstStep(trainer: Trainer, loader: DataLoader): Promise<StepEvent> {
  for await (const event of trainer.fit(loader)) if (event.type === "step") return event;
  return expect.fail("no step");
}

/** As much of a loader as training uses: one batch an epoch. */
function oneBatch(batch: Batch | (() => Batch)): DataLoader {
  async function* epoch() {
    yield await Promise.resolve(typeof batch === "function" ? batch() : batch);
  }
  const loader = {
    device: "cpu",
    length: 1,
    epoch: 0,
    skipped: [],
    batches: epoch,
    [Symbol.asyncIterator]: epoch,
  };
  return loader as unknown as DataLoader;
}
