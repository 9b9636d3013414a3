import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DataLoader,
  evaluate,
  ImageFolder,
  Model,
  smallResNet,
  Trainer,
  type LossOptions,
  type ModelSpec,
  type TrainerOptions,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { openSafetensors } from "mutual-channel-loss/tensor";
import { type TrainingEvent } from "mutual-channel-loss/train";
import { center } from "#lib/train/losses/center.js";
import { caught, rejected } from "../support/errors.js";
import { fixedLoader } from "../support/fixed-loader.js";
import { stepsOf as stepsFrom } from "../support/fixture-steps.js";
import { fixturePath, numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { fixtureLoader, fixtureModel, lossesFixture } from "../support/losses-fixture.js";
import { trainIn } from "../support/run.js";

const folder = temporaryFolder();

const stepsOf = (model: Model, options: TrainerOptions) => stepsFrom(model, fixtureLoader(), options);

describe("training losses against PyTorch over 3 steps (float64, 1e-12)", () => {
  for (const { loss, steps, weights } of lossesFixture.runs) {
    it(JSON.stringify(loss), async () => {
      const model = await fixtureModel();
      const optimizer = { learningRate: lossesFixture.learningRate };
      const made = await stepsOf(model, { epochs: 3, loss, optimizer });
      expect(made).to.have.length(steps.length);
      for (const [i, expected] of steps.entries()) {
        expect("center" in made[i]!).to.equal("center" in expected);
        for (const [term, value] of Object.entries(expected)) {
          // The fixture has 0 for the terms that a loss without MC-Loss does not measure.
          expect(made[i]![term as keyof typeof expected] ?? 0, term).to.be.closeTo(value, 1e-12);
        }
      }
      for (const { name, tensor } of model.state()) {
        const got = await numbersOf(tensor);
        got.forEach((value, i) => expect(value, name).to.be.closeTo(weights[name]![i]!, 1e-12));
      }
    });
  }
});

describe("training losses", () => {
  const MIXED: LossOptions = {
    alpha: 1.5,
    beta: 2,
    keep: "all",
    classification: { type: "focal", gamma: 1.5 },
    center: { weight: 0.3 },
  };

  for (const loss of [MIXED, { type: "ce", labelSmoothing: 0.1 }] satisfies LossOptions[]) {
    it(`have the gradient of their value: ${JSON.stringify(loss)} (gradcheck, 1e-7)`, async () => {
      const model = await fixtureModel();
      const trainer = new Trainer(await fixtureModel(), { loss });
      const lossAt = async (name: string, index: number, shift: number) => {
        const entry = trainer.model.state().find((each) => each.name === name)!;
        const element = entry.tensor.detach().flatten().select(0, index);
        element.add_(shift);
        const { loss: value } = await trainer.evaluate(fixtureLoader());
        element.sub_(shift);
        return value;
      };
      const before = await Promise.all(model.state().map(({ tensor }) => numbersOf(tensor)));
      await stepsOf(model, { epochs: 1, loss, optimizer: { learningRate: 1 } });
      for (const [position, { name, tensor }] of model.state().entries()) {
        const after = await numbersOf(tensor);
        for (let i = 0; i < after.length; i += 4) {
          const h = 1e-5;
          const slope = ((await lossAt(name, i, h)) - (await lossAt(name, i, -h))) / (2 * h);
          expect(before[position]![i]! - after[i]!, `${name}[${i}]`).to.be.closeTo(slope, 1e-7);
        }
      }
    });
  }

  it("give diversity its weight step by step in β's warm-up, and judge with all of it", async () => {
    using model = await fixtureModel();
    const loss = { alpha: 1.5, beta: 2, betaWarmupEpochs: 2 };
    const optimizer = { learningRate: lossesFixture.learningRate };
    const made = await stepsOf(model, { epochs: 4, loss, optimizer });
    const perEpoch = made.length / 4;
    const weightOf = ({ loss, crossEntropy, discriminality = 0, diversity = 0 }: (typeof made)[number]) =>
      (loss - crossEntropy - 1.5 * discriminality) / diversity;
    made.forEach((step, i) => {
      expect(weightOf(step), `step ${i + 1}`).to.be.closeTo(Math.min(2, (i + 1) / perEpoch), 1e-9);
    });
    using trainer = new Trainer(model, { loss });
    const judged = await trainer.evaluate(fixtureLoader());
    const { discriminality = 0, diversity = 0 } = judged;
    expect(judged.loss).to.be.closeTo(judged.crossEntropy + 1.5 * discriminality + 2 * diversity, 1e-9);
  });

  it("are finite where the classifier is certain", async () => {
    const model = await fixtureModel();
    model.parameters("fc").forEach((parameter) => parameter.detach().mul_(1e6));
    const [step] = await stepsOf(model, { epochs: 1, loss: { type: "focal", gamma: 0.5 } });
    expect(step!.loss).to.be.finite;
    const weights = (await Promise.all(model.parameters().map(numbersOf))).flat();
    expect(weights.every(Number.isFinite)).to.equal(true);
  });

  it("name bad options", async () => {
    const model = await fixtureModel();
    const argument = (loss: unknown) =>
      caught(() => new Trainer(model, { loss: loss as LossOptions })).argument;
    expect(argument({ type: "ce", labelSmoothing: 1 })).to.equal("loss.labelSmoothing");
    expect(argument({ type: "focal", gamma: -1 })).to.equal("loss.gamma");
    expect(argument({ classification: { type: "focal", gamma: NaN } })).to.equal("loss.classification.gamma");
    expect(argument({ classification: { type: "mc" } })).to.equal("loss.classification.type");
    expect(argument({ type: "hinge" })).to.equal("loss.type");
    expect(argument({ center: { weight: -1 } })).to.equal("loss.center.weight");
    expect(argument({ type: "ce", center: { rate: 2 } })).to.equal("loss.center.rate");
    expect(argument({ keep: "none" })).to.equal("loss.keep");
    expect(argument({ keep: 99 })).to.equal("loss.keep");
    expect(argument({ alpa: 1 })).to.equal("loss.alpa");
    expect(argument({ betaWarmupEpochs: -1 })).to.equal("loss.betaWarmupEpochs");
    expect(argument({ alpha: -1 })).to.equal("loss.alpha");
  });

  it("tell once that the diversity component cannot move on a last map of one place, and train all the same", async () => {
    const noticesOf = async (inputSize: number, loss: LossOptions) => {
      using model = smallResNet({ classes: 3, inputSize, width: 8 });
      using trainer = new Trainer(model, { epochs: 2, loss });
      const images = await ImageFolder.open(await writeColorFolder(join(folder(), "few"), 2));
      const train = new DataLoader(images, {
        batchSize: 3,
        transforms: [resize({ height: inputSize, width: inputSize }), normalize()],
      });
      const events: TrainingEvent[] = [];
      for await (const event of trainer.fit(train)) events.push(event);
      return events.filter((event) => event.type === "notice").map(({ reason }) => reason);
    };
    expect(await noticesOf(8, {})).to.deep.equal([
      "the diversity component cannot move: of images of 8 × 8 the last map of small-resnet has one place. " +
        "Take larger images (inputSize, --image-size), or a loss with beta 0",
    ]);
    expect(await noticesOf(16, {})).to.deep.equal([]);
    expect(await noticesOf(8, { beta: 0 })).to.deep.equal([]);
    expect(await noticesOf(8, "ce")).to.deep.equal([]);
  });

  it("center: draws what the features are pooled to, or their average where that is not known", async () => {
    const of = (model: Model) => {
      const { native, tensors } = center.create(model, { weight: 1, rate: 0.5 });
      const { shape, dtype } = tensors["centers"]!;
      return { layer: (native as { layer: string }).layer, shape, dtype };
    };
    expect(of(await fixtureModel())).to.deep.equal({ layer: "flatten", shape: [3, 6], dtype: "float64" });
    const small = smallResNet({ classes: 3, channelsPerClass: 4, inputSize: 32, width: 8 });
    expect(of(small)).to.deep.equal({ layer: "flatten", shape: [3, 12], dtype: "float32" });
    const spec: ModelSpec = {
      format: 1,
      name: "scripted",
      input: { channels: 3, height: 8, width: 8 },
      classes: 6,
      groups: [{ classes: 6, channels: 2 }],
      layers: [{ type: "torchscript", name: "backbone", path: fixturePath("small.pt") }],
      features: "backbone.layer1",
    };
    const scripted = new Model(spec);
    expect(of(scripted)).to.deep.equal({ layer: "", shape: [6, 12], dtype: "float32" });
    const loader = fixedLoader([{ images: new Float32Array(192).fill(1), shape: [3, 8, 8], labels: [4] }]);
    const trainer = new Trainer(scripted, { epochs: 1, loss: { type: "ce", center: {} } });
    for await (const event of trainer.fit(loader)) {
      if (event.type === "step") expect(event.center).to.be.above(0);
    }
    const unknown = new Model({ ...spec, groups: [] });
    expect(caught(() => of(unknown)).argument).to.equal("loss.center");
  });

  it("center: is told by the trainer's evaluation, and left out of evaluate()", async () => {
    const model = await fixtureModel();
    const loss: LossOptions = { type: "ce", center: { weight: 0.5 } };
    const trainer = new Trainer(model, { loss });
    const own = await trainer.evaluate(fixtureLoader());
    expect(own.center).to.be.above(0);
    expect(own.loss).to.be.closeTo(own.crossEntropy + 0.5 * own.center!, 1e-12);
    const alone = await evaluate(model, fixtureLoader(), { loss });
    expect(alone).to.not.have.property("center");
    expect(alone.loss).to.equal(own.crossEntropy);
  });

  it("center: a resumed run has the uninterrupted one's centers, bit for bit", async () => {
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
    const loss: LossOptions = { alpha: 1.5, beta: 2, center: { weight: 0.1 } };
    const [whole, parted] = [join(folder(), "whole"), join(folder(), "parted")];
    await trainIn(images, whole, { loss });
    expect((await rejected(trainIn(images, parted, { loss, stopAfter: 4 }))).code).to.equal("ERR_ABORTED");
    await trainIn(images, parted, { loss, resume: true });
    const bytes = (run: string) => readFile(join(run, "checkpoints", "last.safetensors"));
    expect((await bytes(parted)).equals(await bytes(whole))).to.equal(true);
    const file = await openSafetensors(join(whole, "checkpoints", "last.safetensors"));
    expect([...file.tensors.keys()].filter((name) => name.endsWith("centers"))).to.have.length(1);
    await file.close();
    const lines = (await readFile(join(whole, "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    const records = lines.map((line) => JSON.parse(line) as { train: object; validation: object });
    for (const { train, validation } of records) {
      expect(train).to.have.property("center").that.is.above(0);
      expect(validation).to.have.property("center");
    }
  });
});
