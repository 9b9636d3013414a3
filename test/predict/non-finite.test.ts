import { expect } from "chai";
import { join } from "node:path";
import {
  Classifier,
  DataLoader,
  evaluate,
  ImageFolder,
  loadModel,
  noGrad,
  predict,
  saveModel,
  smallResNet,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { renderImageSheet } from "mutual-channel-loss/visualize";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const folder = temporaryFolder();
const transforms = [resize(16), normalize()];
let images: ImageFolder;
let dir: string;
let checkpoint: string;

before(async () => {
  dir = await writeColorFolder(join(folder(), "photos"), 2);
  images = await ImageFolder.open(dir);
  checkpoint = join(folder(), "broken.safetensors");
  await saveModel(broken(NaN), checkpoint);
});

function broken(value: number) {
  const info = { classNames: images.classes, transforms };
  const model = smallResNet({ classes: 3, inputSize: 16, width: 8, info });
  noGrad(() => model.state()[0]!.tensor.fill_(value));
  return model.eval();
}

const loader = () => new DataLoader(images, { batchSize: 4, transforms });

describe("a network whose answers are not finite", () => {
  it("does not predict: the error names its file", async () => {
    const model = await loadModel(checkpoint);
    const image = images.sample(0).path;
    const files = async () => {
      for await (const one of predict(model, [image])) expect.fail(one.path);
    };
    const asked = [
      model.predict(image),
      new Classifier(model).predict([image]),
      files(),
      renderImageSheet(model, image),
    ];
    for (const error of await Promise.all(asked.map(rejected))) {
      expect(error).to.include({ code: "ERR_NAN_OUTPUT", path: checkpoint });
      expect(error.message)
        .to.include(checkpoint)
        .and.match(/not finite/);
    }
  });

  it("does not predict where one logit alone is infinite", async () => {
    const model = broken(0);
    noGrad(() => model.parameters().at(-1)!.setAt(-Infinity, 1));
    expect((await rejected(model.predict(images.sample(0).path))).code).to.equal("ERR_NAN_OUTPUT");
  });

  it("is wrong about every image in an evaluation, also about those of class 0", async () => {
    const seen: number[] = [];
    const result = await evaluate(broken(NaN), loader(), {
      loss: {},
      onSamples: (_, predicted) => predicted.forEach((each) => seen.push(each)),
    });
    expect(result).to.include({ accuracy: 0, top5Accuracy: 0, macroF1: 0, groupAccuracy: 0, nonFinite: 6 });
    expect(seen).to.deep.equal([-1, -1, -1, -1, -1, -1]);
    expect(result.confusion.flat().every((count) => count === 0)).to.equal(true);
    expect(result.perClass.map(({ images: count, accuracy }) => [count, accuracy])).to.deep.equal([
      [2, 0],
      [2, 0],
      [2, 0],
    ]);
  });

  it("is not told of where the answers are finite", async () => {
    expect(await evaluate(broken(0), loader())).not.to.have.property("nonFinite");
  });

  it("ends the commands with 1", async () => {
    const predicted = await mclossIn(folder(), "predict", checkpoint, images.sample(0).path, "--json");
    expect(predicted.code).to.equal(1);
    expect(predicted.stderr).to.match(/broken\.safetensors answers with numbers that are not finite/);
    const evaluated = await mclossIn(folder(), "eval", checkpoint, dir, "--json");
    expect(evaluated.code).to.equal(1);
    expect(evaluated.stderr).to.match(/not finite for 6 images/);
    expect(JSON.parse(evaluated.stdout)).to.include({ accuracy: 0, nonFinite: 6 });
  });
});
