import { expect } from "chai";
import { DataLoader, evaluate, smallResNet, Trainer, type Model } from "mutual-channel-loss";
import { datasetFrom, normalize, resize } from "mutual-channel-loss/data";
import { evaluateChannels } from "mutual-channel-loss/train";
import sharp from "sharp";
import { rejected } from "../support/errors.js";

const transforms = [resize(16), normalize()];
let PNG: Buffer;

before(async () => {
  const create = { width: 16, height: 16, channels: 3, background: "#567" } as const;
  PNG = await sharp({ create }).png().toBuffer();
});

/** One image of each class. */
async function loaderOf(...classes: string[]): Promise<DataLoader> {
  const samples = classes.map((name, label) => ({ path: name, label, source: PNG }));
  return new DataLoader(await datasetFrom(samples, { classes }), { batchSize: 4, transforms });
}

function modelOf(classes: number, classNames?: readonly string[]): Model {
  const info = { transforms, ...(classNames ? { classNames } : {}) };
  return smallResNet({ classes, inputSize: 16, width: 8, info });
}

async function fit(model: Model, train: DataLoader, validation?: DataLoader): Promise<void> {
  const events = new Trainer(model, { epochs: 1 }).fit(train, validation ? { validation } : {});
  for await (const event of events) expect(event.type).to.be.a("string");
}

describe("classes of the images and of the model", () => {
  const named = () => modelOf(3, ["a", "b", "c"]);

  for (const [what, classes, message] of [
    ["fewer, so that labels shift", ["a", "c"], /has other labels: 1 is "c", but "b" in the model/],
    ["in another order", ["b", "a", "c"], /has other labels: 0 is "b"/],
    ["others", ["a", "b", "wren"], /has the class "wren", which the model does not have/],
    ["more", ["a", "b", "c", "d"], /has 4 classes, but the model has 3/],
  ] as const) {
    it(`are refused where they are ${what}`, async () => {
      const loader = await loaderOf(...classes);
      for (const measure of [evaluate, evaluateChannels]) {
        const error = await rejected(measure(named(), loader));
        expect(error).to.include({ code: "ERR_ARGUMENT", argument: "loader" });
        expect(error.message).to.match(message);
      }
      const trained = await rejected(fit(named(), await loaderOf("a", "b", "c"), loader));
      expect(trained).to.include({ code: "ERR_ARGUMENT", argument: "validation" });
      expect((await rejected(fit(named(), loader))).message).to.match(message);
    });
  }

  it("are compared between training and validation where the model has no names", async () => {
    const error = await rejected(fit(modelOf(3), await loaderOf("a", "b", "c"), await loaderOf("a", "c")));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "validation" });
    expect(error.message).to.match(/1 is "c", but "b" in train/);
    const more = await rejected(fit(modelOf(2), await loaderOf("a", "b", "c")));
    expect(more).to.include({ code: "ERR_ARGUMENT", argument: "train" });
  });

  it("may be the first of the model's, and written in another Unicode form", async () => {
    const model = modelOf(3, ["caf\u00e9", "b", "c"]);
    const { images } = await evaluate(model, await loaderOf("cafe\u0301", "b"));
    expect(images).to.equal(2);
  });

  it("are two at least where a model is trained", async () => {
    const error = await rejected(fit(modelOf(3), await loaderOf("a")));
    expect(error).to.include({ code: "ERR_DATASET", argument: "train" });
    expect(error.message).to.match(/one class alone, "a"/);
  });
});
