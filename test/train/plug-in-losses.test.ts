import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DataLoader,
  evaluate,
  ImageFolder,
  Model,
  smallResNet,
  tensor,
  Trainer,
  type LossOptions,
  type TrainerOptions,
} from "mutual-channel-loss";
import { Batch, normalize, resize } from "mutual-channel-loss/data";
import { withCosineClassifier } from "mutual-channel-loss/models";
import { caught, rejected } from "../support/errors.js";
import { fixedLoader } from "../support/fixed-loader.js";
import { stepsOf as stepsFrom } from "../support/fixture-steps.js";
import { numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { plugInLoader, plugInLosses, plugInModel } from "../support/plug-in-losses-fixture.js";
import { networkOf, trainIn } from "../support/run.js";

const folder = temporaryFolder();

const stepsOf = (model: Model, options: TrainerOptions) => stepsFrom(model, plugInLoader(), options);

describe("losses beside MC-Loss against references written from the papers, over 3 steps (float64, 1e-10)", () => {
  for (const { loss, steps, weights } of plugInLosses.runs) {
    it(JSON.stringify(loss), async () => {
      using model = await plugInModel(loss);
      const { learningRate } = plugInLosses;
      const made = await stepsOf(model, { epochs: steps.length, loss, optimizer: { learningRate } });
      for (const [i, expected] of steps.entries()) {
        expect(made[i]!.loss, `loss ${i}`).to.be.closeTo(expected.loss, 1e-10);
        expect(made[i]!.crossEntropy, `cross-entropy ${i}`).to.be.closeTo(expected.crossEntropy, 1e-10);
      }
      for (const { name, tensor } of model.state()) {
        const got = await numbersOf(tensor);
        got.forEach((value, i) => expect(value, name).to.be.closeTo(weights[name]![i]!, 1e-10));
      }
    });
  }
});

describe("losses beside MC-Loss", () => {
  const lossAt = async (loss: LossOptions, name: string, index: number, shift: number) => {
    using model = await plugInModel(loss);
    model
      .state()
      .find((entry) => entry.name === name)!
      .tensor.detach()
      .flatten()
      .select(0, index)
      .add_(shift);
    const [step] = await stepsOf(model, { epochs: 1, loss, optimizer: { learningRate: 0 } });
    return step!.loss;
  };

  for (const { loss } of plugInLosses.runs) {
    it(`have the gradient of their value: ${JSON.stringify(loss)} (gradcheck, 1e-6)`, async () => {
      using model = await plugInModel(loss);
      const before = await Promise.all(model.state().map(({ tensor }) => numbersOf(tensor)));
      await stepsOf(model, { epochs: 1, loss, optimizer: { learningRate: 1 } });
      for (const [position, { name, tensor }] of model.state().entries()) {
        const after = await numbersOf(tensor);
        for (let i = 0; i < after.length; i += 6) {
          const h = 1e-5;
          const slope = ((await lossAt(loss, name, i, h)) - (await lossAt(loss, name, i, -h))) / (2 * h);
          const gradient = before[position]![i]! - after[i]!;
          expect(gradient, `${name}[${i}]`).to.be.closeTo(slope, 1e-6 * Math.max(1, Math.abs(slope)));
        }
      }
    });
  }

  it("may be the term beside MC-Loss", async () => {
    for (const { loss } of plugInLosses.runs) {
      const alone = await stepsOf(await plugInModel(loss), { epochs: 1, loss });
      const beside = { alpha: 1.5, beta: 2, keep: "all", classification: loss } as LossOptions;
      const [step] = await stepsOf(await plugInModel(loss), { epochs: 1, loss: beside });
      const channels = 1.5 * step!.discriminality! + 2 * step!.diversity!;
      expect(step!.loss, JSON.stringify(loss)).to.be.closeTo(alone[0]!.loss + channels, 1e-10);
    }
  });

  it("leave out of evaluation what compares images or is drawn", async () => {
    const images = Float64Array.from(plugInLosses.images);
    for (const loss of [
      { type: "pairwiseConfusion" },
      { type: "supervisedContrastive" },
      { type: "channelDropBlock", share: 0.5 },
    ] as const) {
      const { labels, shape } = plugInLosses;
      const loader = fixedLoader([{ images, shape: shape.slice(1), labels }]);
      const { loss: value, crossEntropy } = await evaluate(await plugInModel(loss), loader, { loss });
      expect(value, loss.type).to.equal(crossEntropy);
    }
    const loss: LossOptions = { type: "gradientBoosting", negatives: 3 };
    const { loss: value, crossEntropy } = await evaluate(await plugInModel(loss), plugInLoader(), { loss });
    expect(value).to.be.closeTo(crossEntropy, 1e-12);
  });

  it("are finite for a batch of one image, of one class, and of features that are 0", async () => {
    for (const { loss } of plugInLosses.runs) {
      for (const labels of [[1], [2, 2, 2]]) {
        const images = new Float64Array(labels.length * 3 * 4 * 5);
        const loader = Object.assign(fixedLoader([{ images, shape: [3, 4, 5], labels }]), {
          classCounts: () => plugInLosses.counts,
        });
        using model = await plugInModel(loss);
        using trainer = new Trainer(model, { epochs: 2, loss });
        await trainer.fit(loader);
        const weights = (await Promise.all(model.parameters().map(numbersOf))).flat();
        expect(weights.every(Number.isFinite), JSON.stringify(loss)).to.equal(true);
      }
    }
  });

  it("name what a model cannot have, and bad options", async () => {
    using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    const problem = (loss: unknown) => caught(() => new Trainer(model, { loss: loss as LossOptions }));
    expect(problem({ type: "arcFace" }).message).to.contain("withCosineClassifier");
    expect(problem({ type: "gradientBoosting" }).message).to.match(
      /^loss\.peakRate needs class activation maps/,
    );
    expect(
      () => new Trainer(model, { loss: { type: "gradientBoosting", peakRate: 0, patchRate: 0 } }),
    ).not.to.throw();
    for (const [loss, argument] of [
      [{ type: "ce", classWeights: "balance" }, "loss.classWeights"],
      [{ type: "ce", classWeights: [1, 2] }, "loss.classWeights"],
      [{ type: "ce", classWeights: [1, 2, 0] }, "loss.classWeights[2]"],
      [{ type: "ce", classWeights: { effectiveNumber: 1 } }, "loss.classWeights.effectiveNumber"],
      [{ type: "logitAdjustment", classCounts: [1] }, "loss.classCounts"],
      [{ type: "pairwiseConfusion", weight: -1 }, "loss.weight"],
      [{ type: "gradientBoosting", negatives: 0 }, "loss.negatives"],
      [{ type: "arcFace", margin: 4 }, "loss.margin"],
      [{ type: "supervisedContrastive", temperature: 0 }, "loss.temperature"],
      [{ type: "channelDropBlock", share: 1 }, "loss.share"],
    ] as const) {
      expect(problem(loss).argument, JSON.stringify(loss)).to.equal(argument);
    }
    const uncounted = fixedLoader([
      { images: new Float32Array(3 * 32 * 32), shape: [3, 32, 32], labels: [0] },
    ]);
    using trainer = new Trainer(model, { epochs: 1, loss: { type: "balancedSoftmax" } });
    const error = await rejected(trainer.fit(uncounted));
    expect(error.argument).to.equal("loss.classCounts");
  });

  /** The fixture's batch with these labels [N, 4]. */
  const softLoader = (targets: readonly number[]): DataLoader => {
    const { labels, shape, images } = plugInLosses;
    const loader = fixedLoader([{ images: Float64Array.from(images), shape: shape.slice(1), labels }]);
    const batches = loader.batches.bind(loader);
    const soft = async function* () {
      for await (const batch of batches()) {
        const rows = tensor(Float64Array.from(targets), { shape: [labels.length, 4] });
        yield new Batch(batch.images, rows, batch.samples);
      }
    };
    return Object.assign(loader, { batches: soft, classCounts: () => plugInLosses.counts });
  };
  const oneHot = (labels: readonly number[]) =>
    labels.flatMap((label) => [0, 1, 2, 3].map((own) => Number(own === label)));

  it("say where they need one class for each image, and are given distributions over the classes", async () => {
    for (const type of ["gradientBoosting", "arcFace", "supervisedContrastive"] as const) {
      using model = await plugInModel({ type });
      using trainer = new Trainer(model, { epochs: 1, loss: { type } });
      const error = await rejected(trainer.fit(softLoader(oneHot(plugInLosses.labels))));
      expect(error.message).to.contain(`the loss ${type} needs one class for each image`);
    }
  });

  it("have of a distribution that is one class the loss of that class, from the same draws", async () => {
    for (const { loss, steps } of plugInLosses.runs) {
      // Of cross-entropy with weights PyTorch's mean is over the images then, and over their weights otherwise.
      if (["ce", "gradientBoosting", "arcFace", "supervisedContrastive"].includes(loss.type!)) continue;
      const { learningRate, labels } = plugInLosses;
      const options = { epochs: steps.length, loss, optimizer: { learningRate } };
      using model = await plugInModel(loss);
      const made = await stepsFrom(model, softLoader(oneHot(labels)), options);
      steps.forEach((step, i) => {
        expect(made[i]!.loss, `${JSON.stringify(loss)} ${i}`).to.be.closeTo(step.loss, 1e-10);
      });
    }
  });

  it("channelDropBlock: of a mixture its classes' losses by their shares, from the same draws", async () => {
    for (const metric of ["bilinear", "maxActivation"] as const) {
      const loss: LossOptions = { type: "channelDropBlock", share: 0.25, metric };
      const lossOf = async (targets: readonly number[]) => {
        const options = { epochs: 1, loss, optimizer: { learningRate: 0 } };
        const [step] = await stepsFrom(await plugInModel(loss), softLoader(targets), options);
        return step!.loss;
      };
      const own = oneHot(plugInLosses.labels);
      const other = oneHot([...plugInLosses.labels.slice(1), 0]);
      const [first, second] = [await lossOf(own), await lossOf(other)];
      const mixed = await lossOf(own.map((share, i) => 0.7 * share + 0.3 * other[i]!));
      expect(mixed).to.be.closeTo(0.7 * first + 0.3 * second, 1e-12);
    }
  });

  it("channelDropBlock: raises what it keeps, so that features are as large as without it on average", async () => {
    const loss: LossOptions = { type: "channelDropBlock", share: 0.25 };
    using model = await plugInModel(loss);
    const classifier = (name: string) => model.state().find((entry) => entry.name === `fc.${name}`)!.tensor;
    // Every channel adds 1 to the first logit alone, and all features are 1.
    classifier("weight").detach().zero_().select(0, 0).fill_(1);
    classifier("bias").detach().zero_();
    model.parameters("conv.weight").forEach((weight) => weight.detach().fill_(1 / 3));
    const images = new Float64Array(2 * 3 * 4 * 5).fill(1);
    const loader = fixedLoader([{ images, shape: [3, 4, 5], labels: [0, 0] }]);
    const [step] = await stepsFrom(model, loader, { epochs: 1, loss, optimizer: { learningRate: 0 } });
    // 6 of 8 channels, each 1 / 0.75.
    expect(step!.loss).to.be.closeTo(Math.log(1 + 3 * Math.exp(-8)), 1e-12);
  });

  it("are in bfloat16 what they are in float32, to its 8 bits", async () => {
    for (const { loss, steps } of plugInLosses.runs) {
      using model = await plugInModel(loss);
      await model.to("float32");
      const { images, shape, labels, counts } = plugInLosses;
      const batch = { images: Float32Array.from(images), shape: shape.slice(1), labels };
      const loader = Object.assign(fixedLoader([batch]), { classCounts: () => counts });
      const [step] = await stepsFrom(model, loader, { epochs: 1, loss, precision: "bfloat16" });
      expect(step!.loss, JSON.stringify(loss)).to.be.closeTo(steps[0]!.loss, 0.02 * steps[0]!.loss);
    }
  });

  it("take the class counts from the training images, tell them in run.json, and refuse others in a resume", async () => {
    const root = await writeColorFolder(join(folder(), "colors"));
    const images = await ImageFolder.open(root);
    const loss: LossOptions = { type: "ce", classWeights: "balanced" };
    const output = join(folder(), "counted");
    await rejected(trainIn(images, output, { loss, stopAfter: 4 }));
    const path = join(output, "run.json");
    const info = JSON.parse(await readFile(path, "utf8")) as { classCounts: number[] };
    const loader = new DataLoader(images, { batchSize: 8, transforms: [resize(32), normalize()] });
    expect(info.classCounts).to.deep.equal(loader.classCounts());
    expect(info.classCounts.reduce((sum, count) => sum + count)).to.equal(images.length);
    const [first = 0, ...others] = info.classCounts;
    await writeFile(path, JSON.stringify({ ...info, classCounts: [first + 1, ...others] }));
    const refused = await rejected(trainIn(images, output, { loss, resume: true }));
    expect(refused.argument).to.equal("classCounts");
    await writeFile(path, JSON.stringify(info));
    const parted = await trainIn(images, output, { loss, resume: true });
    const whole = await trainIn(images, join(folder(), "uninterrupted"), { loss });
    expect(await numbersOf(parted.parameters()[0]!)).to.deep.equal(await numbersOf(whole.parameters()[0]!));
  });

  for (const loss of [
    { type: "gradientBoosting" },
    { type: "channelDropBlock" },
    { type: "supervisedContrastive" },
  ] satisfies LossOptions[]) {
    it(`${loss.type}: a resumed run has the uninterrupted one's weights, bit for bit`, async () => {
      const images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
      const model = (given: ImageFolder) => {
        const { spec, info } = networkOf(given);
        const layers = spec.layers.map((layer) =>
          layer.name === "classifier"
            ? { type: "linear" as const, name: "fc", inFeatures: 6, outFeatures: 3 }
            : layer,
        );
        return new Model({ ...spec, layers }, { info });
      };
      const [whole, parted] = [join(folder(), `${loss.type}-whole`), join(folder(), `${loss.type}-parted`)];
      await trainIn(images, whole, { loss, model });
      expect((await rejected(trainIn(images, parted, { loss, model, stopAfter: 4 }))).code).to.equal(
        "ERR_ABORTED",
      );
      await trainIn(images, parted, { loss, model, resume: true });
      const bytes = (run: string) => readFile(join(run, "checkpoints", "last.safetensors"));
      expect((await bytes(parted)).equals(await bytes(whole))).to.equal(true);
    });
  }

  it("arcFace: the network's own classes are those of the largest cosine, whatever the lengths of the weights", async () => {
    const { spec } = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    using model = new Model(withCosineClassifier(spec, 30));
    const { logits } = await model.eval().forward(await exampleImages());
    const values = await numbersOf(logits);
    expect(values.every((value) => Math.abs(value) <= 30)).to.equal(true);
    model.parameters(/classifier\.4\.weight/).forEach((weight) => weight.detach().select(0, 1).mul_(100));
    const again = await numbersOf((await model.forward(await exampleImages())).logits);
    again.forEach((value, i) => expect(value).to.be.closeTo(values[i]!, 1e-4));
  });
});

async function exampleImages() {
  const { manualSeed } = await import("mutual-channel-loss");
  const { randn } = await import("mutual-channel-loss/tensor");
  manualSeed(1);
  return randn([4, 3, 32, 32]);
}
