import { expect } from "chai";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
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
  SGD,
  smallResNet,
  tensor,
  Trainer,
  type Model,
  type Prediction,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { exportOnnx } from "mutual-channel-loss/models";
import { Generator, saveStateDict, zeros } from "mutual-channel-loss/tensor";
import { EMA, evaluateChannels, GradScaler } from "mutual-channel-loss/train";
import { findExcitingImages, renderClassSheet, renderImageSheet } from "mutual-channel-loss/visualize";
import { StepGraph } from "#lib/train/step-graph.js";
import { caught, rejected } from "../support/errors.js";
import { heldMemory, settledMemory } from "../support/memory.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
const transforms = [resize(16), normalize()];
let images: ImageFolder;
let image: string;
let checkpoint: string;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "photos"), 2));
  image = images.sample(0).path;
  checkpoint = join(folder(), "trained.safetensors");
  using model = smallResNet({ classes: 3, inputSize: 16, width: 8, info: { transforms } });
  // Far from what any seed gives.
  noGrad(() => model.parameters("fc").forEach((weight, i) => weight.fill_(i).setAt(5, 0)));
  await saveModel(model, checkpoint);
});

const loader = () => new DataLoader(images, { batchSize: 2, transforms });
/** Kernels of other batch sizes may sum in another order. */
const probabilities = ({ top }: Prediction) => top.map(({ probability }) => Number(probability.toFixed(5)));

/** What `ask` gives of a model that is disposed before anything was awaited, and of one that lives. */
async function bothWays<T>(ask: (model: Model) => Promise<T>): Promise<[disposed: T, living: T]> {
  const model = await loadModel(checkpoint);
  const asked = ask(model);
  model.dispose();
  using living = await loadModel(checkpoint);
  return [await asked, await ask(living)];
}

async function file(name: string, write: (path: string) => Promise<void>): Promise<Buffer> {
  const path = join(folder(), name);
  await write(path);
  return readFile(path);
}

describe("a model that is disposed while something is under way", () => {
  const CASES: Record<string, (model: Model) => Promise<unknown>> = {
    "predicts with its weights": async (model) => probabilities(await model.predict(image)),
    "predicts lists with its weights": async (model) =>
      (await model.predict([image, image, image])).map(probabilities),
    "predicts in a Classifier": async (model) =>
      probabilities(await new Classifier(model, { maxBatch: 1 }).predict(image)),
    "predicts files": async (model) => {
      const all: unknown[] = [];
      for await (const { top } of predict(model, [image, image])) all.push(top);
      return all;
    },
    "is evaluated with its weights": (model) => evaluate(model, loader()),
    "has its channels evaluated": (model) => evaluateChannels(model, loader()),
    "finds exciting images": (model) => findExcitingImages(model, images, { count: 1 }),
    "draws image sheets": (model) => renderImageSheet(model, image, { width: 480 }),
    "draws class sheets": (model) =>
      renderClassSheet(model, 0, [[{ sample: images.sample(0), activation: 1 }]], { width: 480 }),
    "is saved as it was": (model) => file("saved.safetensors", (path) => saveModel(model, path)),
    "is exported as it was": (model) => file("model.onnx", (path) => exportOnnx(model, path)),
    "ends its forward pass": async (model) => {
      const { logits } = await noGrad(() => model.forward(zeros([1, 3, 16, 16])));
      return logits.data();
    },
  };
  for (const [name, ask] of Object.entries(CASES)) {
    it(name, async () => {
      const [disposed, living] = await bothWays(ask);
      expect(disposed).to.deep.equal(living);
    });
  }

  it("answers at the end of a function's `using`", async () => {
    const ask = async () => {
      using model = await loadModel(checkpoint);
      return model.predict(image); // eslint-disable-line @typescript-eslint/return-await -- the case in question
    };
    using living = await loadModel(checkpoint);
    expect(await ask()).to.deep.equal(await living.predict(image));
  });

  it("answers all of a list although one of its images is none", async () => {
    const model = await loadModel(checkpoint);
    const classifier = new Classifier(model, { maxBatch: 8 });
    const [bad, good] = [classifier.predict([new Uint8Array(3), image]), classifier.predict(image)];
    model.dispose();
    expect((await rejected(bad)).code).to.equal("ERR_IMAGE");
    using living = await loadModel(checkpoint);
    expect(await good).to.deep.equal(await living.predict(image));
  });

  it("is trained to the end of fit(), with checkpoints of the weights", async () => {
    const fit = async (dispose: boolean) => {
      const model = await loadModel(checkpoint);
      const output = join(folder(), `run-${dispose}`);
      const optimizer = { learningRate: 0.01 };
      for await (const event of new Trainer(model, { epochs: 1, optimizer, output }).fit(loader())) {
        if (dispose && event.type === "step") model.dispose();
      }
      return readFile(join(output, "checkpoints", "last.safetensors"));
    };
    expect((await fit(true)).equals(await fit(false))).to.equal(true);
  });

  it("frees its weights once that is done", async () => {
    const before = (await settledMemory()).tensors;
    const [disposed] = await bothWays(async (model) => probabilities(await model.predict(image)));
    expect(disposed).to.have.length(3);
    expect(heldMemory().tensors).to.equal(before);
  });

  it("saves tensors that are disposed while they are written", async () => {
    const path = join(folder(), "tensors.safetensors");
    const x = tensor([1, 2, 3]);
    const saved = saveStateDict(path, { x });
    x.dispose();
    await saved;
    expect(existsSync(path)).to.equal(true);
  });
});

describe("what was disposed", () => {
  it("is a model that refuses every use, and never starts from its seed again", async () => {
    const model = await loadModel(checkpoint);
    model.dispose();
    model.dispose();
    const uses: (() => unknown)[] = [
      () => model.state(),
      () => model.parameters(),
      () => model.device,
      () => model.freeze(),
      () => model.parameterGroups([]),
      () => model.loadStateDict({}),
      () => new Trainer(model),
      () => new EMA(model),
      () => predict(model, [image]),
    ];
    for (const use of uses) expect(caught(use).code, String(use)).to.equal("ERR_DISPOSED");
    const path = join(folder(), "never");
    const promises: (() => Promise<unknown>)[] = [
      () => model.predict(image),
      () => model.predict([image]),
      () => new Classifier(model).predict(image),
      () => model.forward(zeros([1, 3, 16, 16])),
      () => model.to("cpu"),
      () => model.load(checkpoint),
      () => saveModel(model, path),
      () => exportOnnx(model, path),
      () => evaluate(model, loader()),
      () => evaluateChannels(model, loader()),
      () => renderImageSheet(model, image),
      () => findExcitingImages(model, images),
    ];
    for (const use of promises) expect((await rejected(use())).code, String(use)).to.equal("ERR_DISPOSED");
    expect(existsSync(path)).to.equal(false);
  });

  it("is a model that a trainer does not train", async () => {
    const model = await loadModel(checkpoint);
    const trainer = new Trainer(model, { epochs: 1 });
    model.dispose();
    expect((await rejected(trainer.fit(loader()).next())).code).to.equal("ERR_DISPOSED");
  });

  it("is any native object, whatever it is asked", async () => {
    using model = await loadModel(checkpoint);
    const [ema, scaler, generator] = [new EMA(model), new GradScaler(), new Generator(1)];
    const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 1 });
    const graph = new StepGraph(model, 1);
    const x = tensor([1, 2]);
    optimizer.state();
    ema.state();
    for (const one of [ema, scaler, generator, optimizer, graph, x]) {
      one.dispose();
      one.dispose();
    }
    const uses: (() => unknown)[] = [
      () => ema.state(),
      () => ema.handle,
      () => scaler.state(),
      () => scaler.scale(tensor(1)),
      () => tensor([1, 2]).bernoulli({ generator }),
      () => optimizer.state(),
      () => graph.notices(),
      () => x.shape,
      () => x.item(),
      () => x.grad,
      () => x.add(1),
    ];
    for (const use of uses) expect(caught(use).code, String(use)).to.equal("ERR_DISPOSED");
    const promises: (() => Promise<unknown>)[] = [
      () => ema.update(),
      () => optimizer.step(),
      () => optimizer.zeroGrad(),
      () => scaler.unscale(model.parameters()),
      () => x.data(),
      () => x.backward(),
    ];
    for (const use of promises) expect((await rejected(use())).code, String(use)).to.equal("ERR_DISPOSED");
  });
});

describe("two fit() at once on one trainer", () => {
  it("are refused with ERR_BUSY until the first has ended", async () => {
    using model = await loadModel(checkpoint);
    const trainer = new Trainer(model, { epochs: 1, optimizer: { learningRate: 0.01 } });
    const first = trainer.fit(loader());
    await first.next();
    expect((await rejected(trainer.fit(loader()).next())).code).to.equal("ERR_BUSY");
    await first.return();
    expect((await trainer.fit(loader()).next()).done).to.equal(false);
  });
});
