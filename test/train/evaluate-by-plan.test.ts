import { expect } from "chai";
import { evaluate, smallResNet, tensor, Trainer, type Model } from "mutual-channel-loss";
import { mobilenet_v2 } from "mutual-channel-loss/models";
import { full } from "mutual-channel-loss/tensor";
import { evaluateChannels, type LossOptions } from "mutual-channel-loss/train";
import { ChannelHealthTally } from "#lib/loss/channel-health.js";
import { evaluateFeatures } from "#lib/models/evaluation.js";
import { native, type BatchEvaluation } from "#lib/native/binding.js";
import { buildObjective } from "#lib/train/objective.js";
import { fixedLoader, type FixedBatch } from "../support/fixed-loader.js";
import { formulaState } from "../support/formula.js";

const SIDE = 32;
const CLASSES = 4;
const LOSS: LossOptions = { alpha: 1.5, beta: 20 };
const TERMS = ["loss", "crossEntropy", "discriminality", "diversity"] as const;

function filled(model: Model): Model {
  model.loadStateDict(formulaState(model));
  return model;
}

const small = () => filled(smallResNet({ classes: CLASSES, channelsPerClass: 2, inputSize: SIDE, width: 8 }));

/** `count` images, each of `views` where there are some. */
function batchOf(count: number, views?: number): FixedBatch {
  const shape = [...(views ? [views] : []), 3, SIDE, SIDE];
  const size = shape.reduce((product, extent) => product * extent, count);
  const images = Float32Array.from({ length: size }, (_, i) => 2 * Math.sin(i * 0.37 + Math.cos(i * 0.011)));
  return { images, shape, labels: Array.from({ length: count }, (_, i) => i % CLASSES) };
}

/** One batch's evaluation, whatever the number of images. */
async function evaluateBatch(model: Model, batch: FixedBatch, byPlan: boolean): Promise<BatchEvaluation> {
  using images = tensor(batch.images, { shape: [batch.labels.length, ...batch.shape] });
  using labels = tensor(Int32Array.from(batch.labels), { dtype: "int64" });
  const objective = buildObjective(model, LOSS, 0);
  return await native().evaluateBatch(
    model.handle,
    images.handle,
    labels.handle,
    objective,
    undefined,
    byPlan,
  );
}

describe("evaluation through a plan", () => {
  for (const [what, make, views] of [
    ["a small network", small, undefined],
    ["several views of an image", small, 3],
    ["MobileNetV2", () => filled(mobilenet_v2({ classes: CLASSES, inputSize: SIDE })), undefined],
  ] as const) {
    it(`gives the losses, the classes and the scores of the channel groups of ${what} within 1e-5`, async () => {
      using model = make();
      const batch = batchOf(8, views);
      const [layers, plan] = [
        await evaluateBatch(model, batch, false),
        await evaluateBatch(model, batch, true),
      ];
      for (const term of TERMS) {
        expect(plan[term], term).to.be.closeTo(layers[term], 1e-5 * Math.max(1, Math.abs(layers[term])));
      }
      expect([...plan.samples]).to.deep.equal([...layers.samples]);
      expect(plan.correct).to.equal(layers.correct);
    });
  }

  it("is taken from 32 images on, which is told by the last digits", async () => {
    using model = small();
    for (const [count, byPlan] of [
      [31, false],
      [32, true],
    ] as const) {
      const batch = batchOf(count);
      const { loss, diversity } = await evaluate(model, fixedLoader([batch]), { loss: LOSS });
      const expected = await evaluateBatch(model, batch, byPlan);
      expect([loss, diversity], `${count} images`).to.deep.equal([expected.loss, expected.diversity]);
    }
  });

  it("follows the weights as they are trained and loaded", async () => {
    using model = small();
    const batch = batchOf(32);
    const loader = fixedLoader([batch]);
    const expectPlain = async () => {
      const { loss } = await evaluate(model, loader, { loss: LOSS });
      const plain = await evaluateBatch(model, batch, false);
      expect(loss).to.be.closeTo(plain.loss, 1e-5 * plain.loss);
      return loss;
    };
    const before = await expectPlain();
    const trainer = new Trainer(model, { epochs: 2, optimizer: { learningRate: 0.01 }, loss: LOSS });
    await trainer.fit(loader);
    const after = await expectPlain();
    expect(after).not.to.equal(before);
    model.loadStateDict(formulaState(model));
    expect(await expectPlain()).to.equal(before);
  });

  it("measures the channels' health alike", async () => {
    using model = small();
    const loader = fixedLoader([batchOf(32)]);
    using channels = new ChannelHealthTally(model.groups!);
    await evaluate(model, loader, { channels });
    const whole = (await channels.result()).overall;
    using layers = new ChannelHealthTally(model.groups!);
    const { images, shape, labels } = batchOf(32);
    using input = tensor(images, { shape: [labels.length, ...shape] });
    layers.add(await evaluateFeatures(model, input), labels);
    const expected = (await layers.result()).overall;
    for (const [name, value] of Object.entries(expected)) {
      if (typeof value === "number") expect(whole[name as "diversity"], name).to.be.closeTo(value, 1e-5);
    }
    expect((await evaluateChannels(model, loader)).overall).to.deep.equal(whole);
  });

  it("has no answer where the logits are not finite", async () => {
    using model = small();
    model.loadStateDict({ "classifier.4.bias": full([CLASSES], NaN) }, { strict: false });
    const { accuracy, top5Accuracy } = await evaluate(model, fixedLoader([batchOf(32)]));
    expect({ accuracy, top5Accuracy }).to.deep.equal({ accuracy: 0, top5Accuracy: 0 });
  });
});
