import { expect } from "chai";
import { join } from "node:path";
import {
  ChannelGroups,
  DataLoader,
  evaluate,
  ImageFolder,
  mcLoss,
  resnet18,
  resnet50,
  SGD,
  smallResNet,
  tensor,
  Trainer,
  type TrainerOptions,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { zeros } from "mutual-channel-loss/tensor";
import { Adam, GradScaler, learningRateFactor, type Schedule } from "mutual-channel-loss/train";
import { caught, rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
const model = () => smallResNet({ classes: 2, inputSize: 16, width: 8 });

/** What JavaScript may hand over, and types forbid. */
const untyped = (value: unknown) => value as never;

describe("options that are misspelt or of the wrong type", () => {
  it("are refused by a trainer, with the near name", () => {
    using network = model();
    const message = (options: unknown) => {
      const error = caught(() => new Trainer(network, options as TrainerOptions));
      expect(error.code).to.equal("ERR_ARGUMENT");
      return error.message;
    };
    expect(message({ epoch: 3 })).to.equal("epoch: is not known here (did you mean epochs?)");
    expect(message({ loss: { alpa: 1 } })).to.equal("loss.alpa: is not known here (did you mean alpha?)");
    // Rather than that learningRate is missing.
    expect(message({ optimizer: { learningRte: 1 } })).to.equal(
      "optimizer.learningRte: is not known here (did you mean learningRate?)",
    );
    expect(message({ optimizer: {} })).to.equal("optimizer.learningRate: is missing");
    expect(message({ loss: { alpha: -1 } })).to.equal("loss.alpha must be at least 0, got -1");
    expect(message({ loss: "mc" })).to.match(/^loss must be/);
    expect(message({ optimizer: { type: "lamb", learningRate: 1 } })).to.match(
      /^optimizer\.type must be one of sgd, .*, got "lamb"/,
    );
    expect(message({ optimizer: { learningRate: 1, momentun: 0.9 } })).to.match(
      /^optimizer\.momentun: .*did you mean momentum/,
    );
    expect(message({ optimizer: { learningRate: 1, groups: [{ pattern: "fc", learnigRate: 1 }] } })).to.match(
      /^optimizer\.groups\[0\]\.learnigRate: .*learningRate/,
    );
    expect(message({ schedule: { type: "cosin" } })).to.match(/^schedule\.type must be one of .*got "cosin"/);
    expect(message({ schedule: { type: "linear" } })).to.match(/^schedule\.type must be one of .*"linear"/);
    expect(message({ schedule: "cosine" })).to.match(/^schedule must be an object, got "cosine"/);
    expect(message({ ema: 1 })).to.match(/^ema must be less than 1, got 1/);
    expect(message({ clipNorm: "1" })).to.equal('clipNorm must be a number, got "1"');
    expect(message({ unfreeze: [{ epoch: 0, patern: "fc" }] })).to.match(/^unfreeze\[0\]\.pat/);
    expect(message("fast")).to.match(/^options must be an object, got "fast"/);
    expect(message(null)).to.match(/^options must be an object, got null/);
  });

  it("are refused by fit()", async () => {
    using network = model();
    const trainer = new Trainer(network);
    const error = await rejected(trainer.fit(untyped({}), untyped({ validate: 1 })).next());
    expect(error.message).to.match(/^validate: is not known here/);
  });

  it("are refused by networks", () => {
    expect(caught(() => resnet18(untyped({ classes: 3, weights: "a.pth" }))).message).to.match(
      /^weights: is not known here/,
    );
    expect(caught(() => smallResNet(untyped({ classes: 3, channelPerClass: 2 }))).message).to.match(
      /did you mean channelsPerClass/,
    );
    expect(caught(() => resnet50(untyped({ classes: 3, width: 10 }))).message).to.equal(
      "width: is not known here (there is channelsPerClass, head, pool, inputSize, init, adapter, seed, info, classes)",
    );
    expect(caught(() => smallResNet(untyped({}))).message).to.equal("classes: is missing");
    expect(caught(() => smallResNet({ classes: 2, info: untyped({ className: [] }) })).message).to.match(
      /^info\.className: .*did you mean classNames/,
    );
  });

  it("are refused by mcLoss, optimizers and schedules", () => {
    const groups = ChannelGroups.uniform(2, 3);
    const [x, y] = [zeros([2, 6, 4, 4]), tensor([0n, 1n])];
    expect(caught(() => mcLoss(x, y, untyped({ groups, apha: 1 }))).argument).to.equal("apha");
    expect(caught(() => mcLoss(x, untyped([0, 1]), { groups })).message).to.equal("labels must be a Tensor");
    expect(caught(() => mcLoss(x, y, untyped({}))).argument).to.equal("groups");
    expect(caught(() => mcLoss(x, y, untyped(undefined))).argument).to.equal("options");
    const parameters = [zeros([1], { requiresGrad: true })];
    expect(caught(() => new SGD([{ parameters }], untyped({ lr: 1 }))).message).to.match(/^groups\[0\]\./);
    expect(caught(() => new Adam([{ parameters }], untyped({ learningRate: 1, beta: 1 }))).message).to.match(
      /did you mean betas/,
    );
    expect(caught(() => new SGD(untyped(parameters), { learningRate: 1 })).argument).to.equal(
      "groups[0].parameters",
    );
    expect(caught(() => new GradScaler(untyped({ scale: 1 }))).argument).to.equal("scale");
    expect(
      caught(() => learningRateFactor(untyped({ type: "cosin" }), { epoch: 0, epochs: 1 })).argument,
    ).to.equal("schedule.type");
  });

  it("are their defaults where they are undefined", async () => {
    const parameter = tensor([1], { requiresGrad: true });
    using optimizer = new SGD(
      [{ parameters: [parameter] }],
      untyped({ learningRate: 1, weightDecay: undefined }),
    );
    await parameter.mul(2).backward();
    await optimizer.step();
    expect(parameter.item()).to.equal(-1);
    using network = model();
    expect(new Trainer(network, untyped({ epochs: undefined })).epochs).to.equal(100);
  });
});

describe("a one-cycle schedule", () => {
  it("is at its top where at most one step goes up", () => {
    const factor = (schedule: Schedule, epochs: number, stepsPerEpoch: number) =>
      learningRateFactor(schedule, { epoch: 0, epochs, stepsPerEpoch });
    expect(factor({ type: "oneCycle", upShare: 0.1 }, 10, 1)).to.equal(1);
    expect(factor({ type: "oneCycle", upShare: 0.5 }, 1, 2)).to.equal(1);
    expect(factor({ type: "oneCycle", upShare: 1 }, 1, 1)).to.equal(1);
    expect(factor({ type: "oneCycle" }, 1, 1)).to.be.finite;
  });
});

describe("data that do not fit the model", () => {
  it("have more classes than it: training and evaluation say so", async () => {
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "photos"), 1));
    const loader = new DataLoader(images, { batchSize: 3, transforms: [resize(16), normalize()] });
    using network = model();
    const errors = [
      await rejected(new Trainer(network).fit(loader).next()),
      await rejected(evaluate(network, loader)),
    ];
    for (const error of errors) {
      expect(error.code).to.equal("ERR_ARGUMENT");
      expect(error.message).to.match(/has 3 classes, but the model has 2/);
    }
  });

  it("are images or features of whole numbers: forward() and mcLoss say so", async () => {
    using network = model();
    const images = zeros([1, 3, 16, 16], { dtype: "uint8" });
    const error = await rejected(network.forward(images));
    expect(error).to.include({ code: "ERR_DTYPE", argument: "images" });
    expect(error.message).to.match(/floating-point.*got uint8/);
    const groups = ChannelGroups.uniform(2, 3);
    const features = zeros([1, 6, 4, 4], { dtype: "uint8" });
    expect(caught(() => mcLoss(features, tensor([0n]), { groups }))).to.include({
      code: "ERR_DTYPE",
      argument: "features",
    });
  });
});
