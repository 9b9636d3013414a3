import { expect } from "chai";
import {
  clipGradNorm,
  ChannelGroups,
  mcLoss,
  Model,
  resnet18,
  smallResNet,
  tensor,
  Trainer,
  type Tensor,
} from "mutual-channel-loss";
import { mcLossAsync } from "mutual-channel-loss/loss";
import { opsInTurn } from "mutual-channel-loss/tensor";
import { clipGradValue, GradScaler } from "mutual-channel-loss/train";
import { rejected, caught } from "../support/errors.js";
import { fixedLoader } from "../support/fixed-loader.js";
import { numbersOf } from "../support/fixtures.js";

const SHAPE = [3, 32, 32];
const BATCH = { images: new Float32Array(2 * 3 * 32 * 32).fill(0.5), shape: SHAPE, labels: [0, 1] };

/** A leaf whose gradient will be [6, 8] once the backward that is asked for here has run. */
function sixAndEight(): { leaf: Tensor; done: Promise<void> } {
  const leaf = tensor([1, 1], { requiresGrad: true });
  const done = leaf
    .mul(tensor([6, 8]))
    .sum()
    .backward();
  return { leaf, done };
}

describe("what is asked for before earlier work has ended", () => {
  it("clips the gradients that there are when its turn comes", async () => {
    const { leaf } = sixAndEight();
    const norm = await clipGradNorm([leaf], 1);
    expect(norm.item()).to.be.closeTo(10, 1e-5);
    const [a, b] = await numbersOf(leaf.grad!);
    expect(a).to.be.closeTo(0.6, 1e-5);
    expect(b).to.be.closeTo(0.8, 1e-5);
  });

  it("limits and unscales them then, too", async () => {
    const limited = sixAndEight();
    await clipGradValue([limited.leaf], 7);
    expect(await numbersOf(limited.leaf.grad!)).to.deep.equal([6, 7]);
    const scaled = sixAndEight();
    using scaler = new GradScaler({ initialScale: 2 });
    using foundInf = await scaler.unscale([scaled.leaf]);
    expect(foundInf.item()).to.equal(0);
    expect(await numbersOf(scaled.leaf.grad!)).to.deep.equal([3, 4]);
  });

  it("copies the gradient that there is then", async () => {
    const { leaf } = sixAndEight();
    expect(await numbersOf((await leaf.gradient())!)).to.deep.equal([6, 8]);
    expect(await tensor([1]).gradient()).to.equal(null);
  });
});

describe("a synchronous call that a job stands against", () => {
  it("is ERR_BUSY, which names the argument, the job and the way in order", async () => {
    const { leaf, done } = sixAndEight();
    const error = caught(() => leaf.grad);
    expect(error.code).to.equal("ERR_BUSY");
    expect(error.message).to.match(/tensor is in use by backward\(\).*await tensor\.gradient\(\)/);
    expect(error.argument).to.equal("tensor");
    await done;
    expect(await numbersOf(leaf.grad!)).to.deep.equal([6, 8]);
  });

  it("may look at shapes, and compute with what nothing else holds", async () => {
    const { leaf, done } = sixAndEight();
    expect(leaf.shape).to.deep.equal([2]);
    const own = tensor([1, 2]);
    own.mul_(3);
    expect(await numbersOf(own)).to.deep.equal([3, 6]);
    await done;
  });

  it("is refused to write what a job reads, and to read what it writes", async () => {
    using model = new Model(smallResNet({ classes: 2, inputSize: 32, width: 4 }).spec);
    const images = tensor(BATCH.images, { shape: [2, ...SHAPE] });
    const [weight] = model.parameters() as [Tensor];
    const predicted = model.forward(images, { training: false });
    expect(caught(() => images.mul_(2)).code).to.equal("ERR_BUSY");
    expect(images.mul(2).shape).to.deep.equal(images.shape);
    expect(weight.mul(2).shape).to.deep.equal(weight.shape);
    expect(caught(() => model.freeze()).code).to.equal("ERR_BUSY");
    await predicted;
    const moved = model.to("float64");
    expect(caught(() => weight.dtype).code).to.equal("ERR_BUSY");
    await moved;
    expect(weight.dtype).to.equal("float64");
    expect(model.freeze()).to.equal(model);
  });

  it("lets a dashboard look at gradients while a trainer trains", async () => {
    using model = new Model(smallResNet({ classes: 2, channelsPerClass: 2, inputSize: 32, width: 4 }).spec);
    const trainer = new Trainer(model, { epochs: 10_000, optimizer: { type: "sgd", learningRate: 0.01 } });
    let seen = 0;
    let busy = 0;
    const looks: Promise<void>[] = [];
    const look = async () => {
      const gradients = await model.gradients();
      seen += Object.values(gradients).filter((gradient) => gradient !== null).length;
      for (const gradient of Object.values(gradients)) gradient?.dispose();
    };
    const timer = setInterval(() => {
      looks.push(look());
      for (const parameter of model.parameters()) {
        try {
          parameter.grad?.dispose();
        } catch (error) {
          if ((error as { code: string }).code !== "ERR_BUSY") throw error;
          busy += 1;
        }
      }
    }, 1);
    for await (const event of trainer.fit(fixedLoader([BATCH, BATCH]))) {
      if (event.type === "epoch" && event.epoch >= 20 && seen > 0 && busy > 0) break;
    }
    clearInterval(timer);
    await Promise.all(looks);
    expect(seen).to.be.greaterThan(0);
    expect(busy).to.be.greaterThan(0);
  });
});

describe("large work in turn", () => {
  it("makes a model's weights on the native thread: the same as the constructor's", async () => {
    const { spec } = resnet18({ classes: 4 });
    using made = await Model.create(spec, { seed: 3 });
    using built = new Model(spec, { seed: 3 });
    const [one, other] = [made.parameters()[0] as Tensor, built.parameters()[0] as Tensor];
    expect(await numbersOf(one)).to.deep.equal(await numbersOf(other));
  });

  it("computes the loss there, with the same values and gradients", async () => {
    const groups = ChannelGroups.uniform(2, 2);
    const values = Float32Array.from({ length: 2 * 4 * 9 }, (_, i) => Math.cos(i));
    const labels = tensor([0, 1], { dtype: "int64" });
    const mask = tensor([1, 0, 1, 1], { dtype: "float32" });
    const features = () => tensor(values, { shape: [2, 4, 3, 3], requiresGrad: true });
    const [a, b] = [features(), features()];
    const direct = mcLoss(a, labels, { groups, mask });
    const inTurn = await mcLossAsync(b, labels, { groups, mask });
    expect(inTurn.loss.item()).to.equal(direct.loss.item());
    await direct.loss.backward();
    await inTurn.loss.backward();
    expect(await numbersOf(b.grad!)).to.deep.equal(await numbersOf(a.grad!));
  });

  it("takes any operator, and rejects with what it says", async () => {
    const sum = (await opsInTurn("aten::add.Tensor", tensor([1]), tensor([2]), { alpha: 2 })) as Tensor;
    expect(sum.item()).to.equal(5);
    const error = await rejected(opsInTurn("aten::mm", tensor([1]), tensor([2])));
    expect(error.code).to.equal("ERR_TORCH");
  });
});

describe("precision", () => {
  it("is bfloat16's in prediction and evaluation where that was asked for", async () => {
    using model = new Model(smallResNet({ classes: 2, inputSize: 32, width: 4 }).spec);
    const images = tensor(BATCH.images, { shape: [2, ...SHAPE] });
    const full = await model.forward(images, { training: false });
    const half = await model.forward(images, { training: false, precision: "bfloat16" });
    expect(full.logits.dtype).to.equal("float32");
    expect(half.features.dtype).to.equal("bfloat16");
    const [a, b] = [await numbersOf(full.logits), await numbersOf(half.logits)];
    a.forEach((value, i) => expect(b[i]).to.be.closeTo(value, 0.02 + Math.abs(value) / 50));
    const wrong = await rejected(model.forward(images, { precision: "int8" as "float32" }));
    expect(wrong.argument).to.equal("precision");
  });
});
