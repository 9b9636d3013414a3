import { expect } from "chai";
import { chooseDevice } from "#lib/tensor/cuda.js";
import { join } from "node:path";
import {
  cuda,
  DataLoader,
  evaluate,
  ImageFolder,
  loadModel,
  predict,
  smallResNet,
  Trainer,
  type Device,
  type TrainingEvent,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { evaluateChannels } from "mutual-channel-loss/train";
import { describeOnDevices } from "../support/devices.js";
import { caught, rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { trainIn } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

const transforms = [resize(32), normalize()];
const network = () =>
  smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, info: { transforms } });
const loader = (device: Device, shuffle = true) =>
  new DataLoader(images, { batchSize: 8, shuffle, transforms, device });

describeOnDevices("training", (device) => {
  it("learns, with an average of the weights, and can be used from there", async () => {
    const output = join(folder(), `run-${device}`);
    using model = await network().to(device);
    const optimizer = { learningRate: 0.02, momentum: 0.9 };
    const trainer = new Trainer(model, { epochs: 24, optimizer, loss: { beta: 2 }, ema: 0.5, output });
    const validation = loader(device, false);
    for await (const event of trainer.fit(loader(device), { validation, channelHealth: true })) {
      if (event.type === "step") expect(event.loss).to.be.finite;
    }
    expect((await trainer.evaluate(validation)).accuracy).to.be.above(0.9);

    using best = await (await loadModel(output)).to(device);
    expect((await evaluate(best, validation, { loss: { beta: 2 } })).accuracy).to.be.above(0.9);
    expect((await evaluateChannels(best, validation)).overall.diversity).to.be.above(0);
    const { path } = images.sample(0);
    for await (const { top } of predict(best, [path])) expect(top[0]?.name).to.equal("0");
  });

  it("interrupted and resumed goes on with the draws of dropout and of the channel masks", async () => {
    const losses = async (name: string, options: { stopAfter?: number; resume?: boolean } = {}) => {
      const found: number[] = [];
      const onEvent = (event: TrainingEvent) => event.type === "epoch" && found.push(event.train.loss);
      await trainIn(images, join(folder(), `${name}-${device}`), { ...options, device, onEvent });
      return found;
    };
    const whole = await losses("whole");
    expect((await rejected(losses("parted", { stopAfter: 4 }))).code).to.equal("ERR_ABORTED");
    const resumed = await losses("parted", { resume: true });
    expect(resumed).to.have.length(2);
    // A GPU may add in another order.
    resumed.forEach((loss, index) => expect(loss).to.be.closeTo(whole[index + 1]!, 1e-3));
  });
});

describe("chooseDevice", () => {
  it("takes the GPU where there is one", () => {
    expect(chooseDevice("device")).to.equal(cuda.isAvailable() ? "cuda" : "cpu");
    expect(chooseDevice("device", "cpu")).to.equal("cpu");
  });

  it("names the argument where there is no such device", () => {
    expect(caught(() => chooseDevice("--device", "gpu" as Device)).message).to.match(
      /^--device must be "cpu"/,
    );
    expect(caught(() => chooseDevice("--device", "cuda:99"))).to.include({
      code: "ERR_ARGUMENT",
      message: "--device cannot be cuda:99: LibTorch sees no such GPU; mcloss doctor says what it sees",
    });
  });
});

describe("a loader that is not where the model is", () => {
  it("is an error that names both devices", async () => {
    using model = network();
    const elsewhere = loader("cuda");
    const message = "loader makes batches on cuda, but the model is on cpu: give one the other's device";
    const training = new Trainer(model, { epochs: 1 }).fit(elsewhere);
    expect(await rejected(training.next())).to.include({ code: "ERR_ARGUMENT", message });
    expect(await rejected(evaluate(model, elsewhere))).to.include({ message });
    expect(await rejected(evaluateChannels(model, elsewhere))).to.include({ message });
  });
});
