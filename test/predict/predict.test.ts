import { expect } from "chai";
import { join } from "node:path";
import {
  DataLoader,
  evaluate,
  ImageFolder,
  loadModel,
  noGrad,
  predict,
  saveModel,
  smallResNet,
  type Model,
  type TransformSpec,
} from "mutual-channel-loss";
import { centerCrop, fiveCrop, normalize, resize } from "mutual-channel-loss/data";
import { type ModelInfo } from "mutual-channel-loss/models";
import { evaluationTransforms } from "#lib/image/presets.js";
import { readInput } from "#lib/predict/model-input.js";
import { halves, write } from "../support/image-files.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

const IMAGENET = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  const colors = [
    ["a", [200, 10, 60], [10, 90, 200]],
    ["b", [20, 220, 60], [250, 90, 20]],
  ] as const;
  for (const [name, left, right] of colors) {
    const picture = await halves(left, right, 60, 44);
    await write(join(folder(), "photos", name, "1.png"), await picture.png().toBuffer());
  }
  images = await ImageFolder.open(join(folder(), "photos"));
});

function network(info: ModelInfo): Model {
  const named = { classNames: images.classes, ...info };
  return smallResNet({ classes: 2, channelsPerClass: 2, inputSize: 32, width: 8, info: named }).eval();
}

const CASES: Record<string, ModelInfo> = {
  "an exact size": { normalization: { mean: IMAGENET.mean, std: IMAGENET.std } },
  "a shorter side and a crop": { transforms: [resize(36), centerCrop(32), IMAGENET] },
  "five crops": { transforms: [resize(36), fiveCrop(32), IMAGENET] },
};

describe("a model's evaluation transforms", () => {
  for (const [name, info] of Object.entries(CASES)) {
    it(`are the same for predict, evaluate and the loader: ${name}`, async () => {
      const model = network(info);
      const loader = new DataLoader(images, { batchSize: 2, transforms: evaluationTransforms(model) });
      const inputs = await Promise.all([0, 1].map((i) => readInput(model, images.sample(i).path)));
      const views = inputs[0]!.tensor.shape[0]!;
      for await (const batch of loader) {
        using flat = views > 1 ? batch.images.flatten(0, 1) : batch.images.view(batch.images.shape);
        const wanted = await Promise.all(
          inputs.map(async ({ tensor }) => [...((await tensor.data()) as Float32Array)]),
        );
        expect([...((await flat.data()) as Float32Array)]).to.deep.equal(wanted.flat());
        batch.dispose();
      }
      const logs: number[] = [];
      for (let i = 0; i < 2; i += 1) {
        const { logits } = await noGrad(() => model.forward(inputs[i]!.tensor));
        const probabilities = await logits.mean(0).softmax(0).data();
        const { label, path } = images.sample(i);
        for await (const { top } of predict(model, [path])) {
          const found = top.find(({ index }) => index === label)!.probability;
          expect(found).to.equal(Number(probabilities[label]));
          logs.push(-Math.log(found));
        }
      }
      const { crossEntropy, images: count } = await evaluate(model, loader);
      expect(count).to.equal(2);
      expect(crossEntropy).to.be.closeTo((logs[0]! + logs[1]!) / 2, 1e-5);
    });
  }

  it("pool the channel groups' scores over all views", async () => {
    const model = network({});
    const measure = async (transforms: TransformSpec[]) =>
      evaluate(model, new DataLoader(images, { batchSize: 2, transforms }), { loss: {} });
    // Five times the same view is as good as one.
    const exact = resize({ height: 32, width: 32 });
    const [five, one] = [await measure([exact, fiveCrop(32), IMAGENET]), await measure([exact, IMAGENET])];
    for (const term of ["crossEntropy", "discriminality", "diversity"] as const) {
      expect(five[term], term).to.be.closeTo(one[term]!, 1e-5);
    }
  });

  it("travel in checkpoints, and are checked when they are read", async () => {
    const path = join(folder(), "model.safetensors");
    const info = { classNames: ["a", "b"], transforms: [resize(36), centerCrop(32), IMAGENET] };
    await saveModel(network(info), path);
    const loaded = await loadModel(path);
    expect(evaluationTransforms(loaded)).to.deep.equal(info.transforms);
    await saveModel(network({}), path, { transforms: [{ type: "blur" }] as unknown as TransformSpec[] });
    const error = await rejected(loadModel(path));
    expect(error).to.include({ code: "ERR_CHECKPOINT", path });
    expect(error.message).to.match(/transforms\[0\]\.type/);
  });

  it("are a resize to the input's size where a model does not carry any", () => {
    const { mean, std } = IMAGENET;
    expect(evaluationTransforms(network({ normalization: { mean, std } }))).to.deep.equal([
      resize({ height: 32, width: 32 }, { interpolation: "lanczos" }),
      IMAGENET,
    ]);
  });

  it("must be known to read an image", async () => {
    const error = await rejected(readInput(network({}), images.sample(0).path));
    expect(error.code).to.equal("ERR_CHECKPOINT");
    expect(error.message).to.match(/info\.transforms/);
  });
});
