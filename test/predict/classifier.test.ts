import { expect } from "chai";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Classifier,
  loadModel,
  predict,
  saveModel,
  smallResNet,
  type Model,
  type Prediction,
} from "mutual-channel-loss";
import {
  centerCrop,
  fiveCrop,
  normalize,
  resize,
  tenCrop,
  tenCropTransforms,
} from "mutual-channel-loss/data";
import { type ClassScore, type ModelInfo } from "mutual-channel-loss/models";
import { caught, rejected } from "../support/errors.js";
import { stateOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";

const folder = temporaryFolder();
const paths: string[] = [];
let broken: string;

before(async () => {
  const photos = await writeColorFolder(join(folder(), "photos"), 4);
  for (const name of ["blue", "green", "red"]) {
    for (let i = 0; i < 4; i += 1) paths.push(join(photos, name, `${i}.png`));
  }
  broken = join(folder(), "broken.png");
  await writeFile(broken, "not an image");
});

function network(info: ModelInfo = {}): Model {
  const named = { classNames: ["blue", "green", "red"], normalization: normalize(), ...info };
  return smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 16, info: named }).eval();
}

/** The same classes, and probabilities within rounding: kernels of other batch sizes may sum in another order. */
function expectSame(actual: { top: ClassScore[] }, wanted: { top: ClassScore[] }): void {
  expect(actual.top.map(({ name }) => name)).to.deep.equal(wanted.top.map(({ name }) => name));
  actual.top.forEach(({ probability }, i) => {
    expect(probability).to.be.closeTo(wanted.top[i]!.probability, 1e-6);
  });
}

describe("model.predict", () => {
  it("tells the classes of a file as of its bytes, by the model that loadModel gives", async () => {
    const path = join(folder(), "model.safetensors");
    using trained = network();
    await saveModel(trained, path);
    using model = await loadModel(path);
    const ofPath = await model.predict(paths[0]!, { top: 2 });
    expect(ofPath.top).to.have.length(2);
    expect(ofPath.top[0]!.probability).to.be.at.least(ofPath.top[1]!.probability);
    expect(ofPath.top[0]!.name).to.equal(["blue", "green", "red"][ofPath.top[0]!.index]);
    expectSame(await model.predict(await readFile(paths[0]!), { top: 2 }), ofPath);
    expect(
      (await model.predict(paths[0]!)).top.reduce((sum, { probability }) => sum + probability, 0),
    ).to.be.closeTo(1, 1e-6);
  });

  it("answers many requests at once as it answers each alone, and lists in their order", async () => {
    using model = network();
    const alone: Prediction[] = [];
    for (const path of paths) alone.push(await model.predict(path));
    const together = await Promise.all(Array.from({ length: 60 }, (_, i) => model.predict(paths[i % 12]!)));
    together.forEach((prediction, i) => expectSame(prediction, alone[i % 12]!));
    const listed = await model.predict(paths);
    listed.forEach((prediction, i) => expectSame(prediction, alone[i]!));
    expect(await model.predict([])).to.deep.equal([]);
  });

  it("rejects a bad image by itself, naming the file or its place in the list", async () => {
    using model = network();
    const bytes = await readFile(broken);
    const [good, file, data, missing] = await Promise.allSettled([
      model.predict(paths),
      model.predict(broken),
      model.predict([await readFile(paths[0]!), bytes]),
      model.predict(join(folder(), "missing.png")),
    ]);
    expect(good.status).to.equal("fulfilled");
    const reason = (outcome: typeof file) =>
      outcome.status === "rejected" ? (outcome.reason as object) : {};
    expect(reason(file)).to.include({ code: "ERR_IMAGE", path: broken });
    expect(reason(data as never)).to.include({ code: "ERR_IMAGE", argument: "input[1]" });
    expect(reason(missing)).to.include({ code: "ERR_IMAGE", path: join(folder(), "missing.png") });
  });

  it("neither uses nor changes the model's training mode and statistics", async () => {
    using model = network();
    const wanted = await model.predict(paths[0]!);
    model.train();
    const statistics = async () => [...(await stateOf(model)["bn1.running_mean"]!.data())];
    const before = await statistics();
    expectSame(await model.predict(paths[0]!), wanted);
    expect(model.training).to.equal(true);
    expect(await statistics()).to.deep.equal(before);
  });

  it("is cancelled by a signal, and frees what it made", async () => {
    using model = network();
    await model.predict(paths);
    const before = await settledMemory();
    const error = await rejected(model.predict(paths, { signal: AbortSignal.abort() }));
    expect(error).to.include({ code: "ERR_ABORTED", message: "the prediction was interrupted" });
    const controller = new AbortController();
    const cancelled = rejected(model.predict(paths, { signal: controller.signal }));
    controller.abort();
    expect((await cancelled).code).to.equal("ERR_ABORTED");
    await model.predict(paths);
    await expectNoneLeft(before);
  });

  it("refuses what is no image, a count that is none, and a model that does not know its inputs", async () => {
    using model = network();
    expect(await rejected(model.predict(7 as never))).to.include({ code: "ERR_ARGUMENT", argument: "input" });
    expect(await rejected(model.predict([7] as never))).to.include({ argument: "input[0]" });
    expect(await rejected(model.predict(paths, { top: 0 }))).to.include({ argument: "top" });
    expect(caught(() => new Classifier(model, { maxBatch: 1.5 }))).to.include({ argument: "maxBatch" });
    using unknown = smallResNet({ classes: 3, inputSize: 32, width: 16 });
    expect((await rejected(unknown.predict(paths[0]!))).code).to.equal("ERR_CHECKPOINT");
  });
});

describe("several classifiers in a process", () => {
  it("answer by their own models, whatever the others do meanwhile", async () => {
    using small = network();
    using other = smallResNet({
      classes: 3,
      inputSize: 48,
      width: 8,
      seed: 5,
      info: { classNames: ["one", "two", "three"], normalization: normalize() },
    }).eval();
    const models = [small, other];
    const wanted = await Promise.all(models.map((model) => new Classifier(model).predict(paths)));
    const classifiers = models.map((model) => new Classifier(model));
    const asked = Array.from({ length: 48 }, (_, i) => classifiers[i % 2]!.predict(paths[i % 12]!));
    (await Promise.all(asked)).forEach((answer, i) => expectSame(answer, wanted[i % 2]![i % 12]!));
  });
});

describe("predict over files", () => {
  it("keeps their order with batches of any size, and takes paths that come one by one", async () => {
    using model = network();
    async function* slowly() {
      for (const path of paths) yield await Promise.resolve(path);
    }
    const wanted = await model.predict(paths);
    for (const [source, maxBatch] of [
      [paths, 1],
      [paths, 5],
      [slowly(), 32],
    ] as const) {
      const seen: string[] = [];
      for await (const { path, top } of predict(model, source, { maxBatch })) {
        expectSame({ top }, wanted[seen.length]!);
        seen.push(path);
      }
      expect(seen).to.deep.equal(paths);
    }
  });

  it("throws at a bad image, or gives it to onBadImage in its place", async () => {
    using model = network();
    const files = [paths[0]!, broken, paths[1]!];
    const events: string[] = [];
    const onBadImage = (path: string, { code }: { code: string }) => events.push(`${code} ${path}`);
    for await (const { path } of predict(model, files, { onBadImage })) events.push(path);
    expect(events).to.deep.equal([paths[0], `ERR_IMAGE ${broken}`, paths[1]]);
    const all = async () => {
      for await (const { path } of predict(model, files)) events.push(path);
    };
    expect(await rejected(all())).to.include({ code: "ERR_IMAGE", path: broken });
  });
});

describe("tenCropTransforms", () => {
  const end = normalize();

  it("put ten crops in the place of one, or into an image enlarged as torchvision's examples do", () => {
    expect(tenCropTransforms(network({ transforms: [resize(36), centerCrop(32), end] }))).to.deep.equal([
      resize(36),
      tenCrop(32),
      end,
    ]);
    const five = { transforms: [resize(36), fiveCrop({ height: 24, width: 32 }), end] };
    expect(tenCropTransforms(network(five))[1]).to.deep.equal(tenCrop({ height: 24, width: 32 }));
    const exact = resize({ height: 28, width: 56 }, { interpolation: "bicubic" });
    expect(tenCropTransforms(network({ transforms: [exact, end] }))).to.deep.equal([
      resize({ height: 32, width: 64 }, { interpolation: "bicubic" }),
      tenCrop({ height: 28, width: 56 }),
      end,
    ]);
    expect(tenCropTransforms(network()).map(({ type }) => type)).to.deep.equal([
      "resize",
      "tenCrop",
      "normalize",
    ]);
  });

  it("average the logits of the ten views", async () => {
    using model = network({ transforms: [resize({ height: 36, width: 36 }), centerCrop(32), end] });
    const ten = new Classifier(model, { transforms: tenCropTransforms(model), maxBatch: 20 });
    const [single] = await ten.predict([paths[0]!]);
    const many = await ten.predict(paths);
    expectSame(many[0]!, single!);
    const one = await model.predict(paths[0]!);
    expect(one.top[0]!.probability).to.not.equal(single!.top[0]!.probability);
  });
});
