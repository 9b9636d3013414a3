import { expect } from "chai";
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  loadModel,
  manualSeed,
  Model,
  resnet18,
  saveModel,
  smallResNet,
  type TrainingEvent,
  type TransformSpec,
} from "mutual-channel-loss";
import { normalize, resize, type NormalizeSpec } from "mutual-channel-loss/data";
import { type ModelInfo } from "mutual-channel-loss/models";
import {
  changeRecipe,
  parseRecipe,
  prepareRecipe,
  prepareResume,
  recipes,
  trainRecipe,
  type EpochEvent,
  type Patch,
  type Recipe,
  type RunInfo,
} from "mutual-channel-loss/train";
import { prepareContinue } from "#lib/recipes/continue-recipe.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";

const folder = temporaryFolder();
let photos: string;

before(async () => {
  photos = join(folder(), "photos");
  await writeColorFolder(join(photos, "train"));
  await writeColorFolder(join(photos, "val"), 3);
});

/** Everything that can be drawn, averaged, scheduled or frozen. */
const TINY: Recipe = parseRecipe({
  name: "tiny",
  network: { name: "small-resnet", channelsPerClass: 2, inputSize: 32, width: 8 },
  loss: { alpha: 1.5, beta: 2, keep: { drop: 0.5 } },
  transforms: { train: "strong" },
  epochs: 3,
  batchSize: 8,
  optimizer: { type: "adamw", learningRate: 0.01, groups: [{ pattern: "classifier.*", learningRate: 0.02 }] },
  schedule: { type: "oneCycle" },
  unfreeze: [
    { epoch: 0, pattern: "classifier.*" },
    { epoch: 1, pattern: "conv2" },
    { epoch: 2, pattern: "layer*" },
  ],
  ema: 0.9,
});

async function finish(events: AsyncIterable<TrainingEvent>): Promise<EpochEvent[]> {
  const epochs: EpochEvent[] = [];
  for await (const event of events) if (event.type === "epoch") epochs.push(event);
  return epochs;
}

function stopper() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

const checkpoint = (output: string) => readFile(join(output, "checkpoints", "last.safetensors"));

describe("trainRecipe", () => {
  it("trains, and run.json has the recipe in full", async () => {
    const output = join(folder(), "whole");
    const epochs = await finish(trainRecipe(TINY, { dir: photos, output }));
    expect(epochs.map(({ validation }) => validation?.images)).to.deep.equal([9, 9, 9]);
    const { about } = JSON.parse(await readFile(join(output, "run.json"), "utf8")) as {
      about: { recipe: Recipe; data: object; images: object };
    };
    expect(about.data).to.deep.equal({ dir: photos });
    expect(about.images).to.have.all.keys("time", "train", "validation");
    expect(about.images).to.have.nested.property("train.count", 24);
    expect(about.images).to.have.nested.property("validation.count", 9);
    const { transforms, ...settings } = about.recipe;
    expect(settings).to.deep.include({ epochs: 3, loss: TINY.loss, unfreeze: TINY.unfreeze });
    expect(transforms.test).to.have.length(2);
    expect((transforms.train as object[])[0]).to.deep.include({ size: { height: 32, width: 32 } });
    expect((await loadModel(output)).info.transforms).to.deep.equal(transforms.test);
  });

  it("keeps what no rule has reached yet as it is, statistics too, and trains it from its epoch on", async () => {
    const training = await prepareRecipe(TINY, { dir: photos });
    const read = async () => {
      const entries = training.model.state().filter(({ name }) => !name.endsWith("num_batches_tracked"));
      return new Map(
        await Promise.all(entries.map(async ({ name, tensor }) => [name, await tensor.data()] as const)),
      );
    };
    const changed: string[][] = [];
    let before = await read();
    for await (const event of training.fit()) {
      if (event.type !== "epoch") continue;
      const after = await read();
      const names = [...after.keys()].filter((name) => String(after.get(name)) !== String(before.get(name)));
      changed.push([...new Set(names.map((name) => name.split(".")[0]!))].sort());
      before = after;
    }
    expect(changed).to.deep.equal([
      ["classifier"],
      ["classifier", "conv2"],
      ["classifier", "conv2", "layer1", "layer2", "layer3"],
    ]);
  });

  it("goes on from run.json, bit for bit, whatever is frozen where it was stopped", async () => {
    const whole = join(folder(), "whole");
    for (const stopAfter of [3, 5]) {
      const output = join(folder(), `stopped-${stopAfter}`);
      const controller = new AbortController();
      const { signal } = controller;
      const interrupted = async () => {
        for await (const event of trainRecipe(TINY, { dir: photos, output, signal })) {
          if (event.type === "step" && event.step === stopAfter) controller.abort();
        }
      };
      expect((await rejected(interrupted())).code).to.equal("ERR_ABORTED");
      const resumed = await prepareResume(output);
      await finish(resumed.fit());
      expect((await checkpoint(output)).equals(await checkpoint(whole)), String(stopAfter)).to.equal(true);
    }
    expect((await rejected(prepareResume(photos))).code).to.equal("ERR_IO");
  });

  it("draws as the sampler says and weighs classes by the training images, goes on so, and tells both", async () => {
    const recipe = changeRecipe(TINY, {
      epochs: 2,
      unfreeze: null,
      sampler: "weighted",
      loss: { classification: { type: "ce", classWeights: "balanced" } },
    });
    const [whole, output] = [join(folder(), "drawn"), join(folder(), "drawn-parted")];
    await finish(trainRecipe(recipe, { dir: photos, output: whole }));
    const { signal, abort } = stopper();
    const interrupted = async () => {
      for await (const event of trainRecipe(recipe, { dir: photos, output, signal })) {
        if (event.type === "step" && event.step === 4) abort();
      }
    };
    expect((await rejected(interrupted())).code).to.equal("ERR_ABORTED");
    using resumed = await prepareResume(output);
    await finish(resumed.fit());
    expect((await checkpoint(output)).equals(await checkpoint(whole))).to.equal(true);
    const info = JSON.parse(await readFile(join(output, "run.json"), "utf8")) as RunInfo;
    expect(info.classCounts).to.deep.equal([8, 8, 8]);
    expect(info.loaders?.train?.sampler).to.deep.include({ type: "weighted", power: 0.5 });
    const other = changeRecipe(recipe, { sampler: "balanced" });
    const refused = await rejected(prepareContinue(other, { dir: photos, output }));
    expect(refused.message).to.match(/^sampler is "weighted" in the run/);
  });

  it("gives the network the classifier that the loss needs, which the checkpoint keeps", async () => {
    const output = join(folder(), "cosines");
    const recipe = changeRecipe(TINY, { epochs: 1, unfreeze: null, loss: { type: "arcFace", scale: 20 } });
    await finish(trainRecipe(recipe, { dir: photos, output }));
    const { spec } = await loadModel(output);
    expect(JSON.stringify(spec.layers.at(-1))).to.match(
      /"type":"cosineLinear","inFeatures":256,"outFeatures":3,"scale":20/,
    );
  });

  it("is the same run from the same seed, the state of LibTorch's own generator too, which dropout draws from", async () => {
    const recipe = changeRecipe(TINY, { epochs: 1, unfreeze: null });
    const runAfter = async (seed: number) => {
      manualSeed(seed);
      const output = join(folder(), `drawn-before-${seed}`);
      await finish(trainRecipe(recipe, { dir: photos, output }));
      return checkpoint(output);
    };
    const first = await runAfter(1);
    expect(first.equals(await runAfter(2))).to.equal(true);
  });

  it("does not go on with other images than it began with", async () => {
    const dir = await writeColorFolder(join(folder(), "changing"));
    const output = join(folder(), "changed");
    await finish(trainRecipe(changeRecipe(TINY, { epochs: 1, unfreeze: null }), { dir, output }));
    await prepareResume(output);
    await rename(join(dir, "red", "0.png"), join(dir, "red", "8.png"));
    const error = await rejected(prepareResume(output));
    expect(error).to.include({ code: "ERR_DATASET", path: dir });
    expect(error.message).to.match(/has 24 training images, which are not the 24 that the run began with/);
  });

  it("does not go on with other bytes in images of the same names, and names them", async () => {
    const dir = await writeColorFolder(join(folder(), "edited"));
    const output = join(folder(), "edited-run");
    await finish(trainRecipe(changeRecipe(TINY, { epochs: 1, unfreeze: null }), { dir, output }));
    const [path, other] = [join(dir, "red", "0.png"), join(dir, "blue", "0.png")];
    const bytes = await readFile(path);
    // The same bytes with another date are the same image.
    await writeFile(path, bytes);
    await prepareResume(output);
    await copyFile(other, path);
    const error = await rejected(prepareResume(output));
    expect(error).to.include({ code: "ERR_DATASET", path: dir });
    expect(error.message).to.contain("not the content").and.contain(`Changed since then: ${path}`);
    expect(error.message).to.not.contain(other);
    await writeFile(path, bytes);
    await prepareResume(output);
  });

  it("measures a test part and lets it choose nothing, unless that is asked for", async () => {
    const dir = join(folder(), "tested");
    await writeColorFolder(join(dir, "train"));
    await writeColorFolder(join(dir, "test"), 3);
    const recipe = changeRecipe(TINY, { epochs: 2, unfreeze: null });
    const trainOn = async (name: string, patch: Patch, validation?: string) => {
      const output = join(folder(), name);
      const data = { dir, output, ...(validation === undefined ? {} : { validation }) };
      const training = await prepareRecipe(changeRecipe(recipe, patch), data);
      const epochs = await finish(training.fit());
      expect(epochs.map((epoch) => epoch.validation?.images)).to.deep.equal([9, 9]);
      const hasBest = (await readdir(join(output, "checkpoints"))).includes("best.safetensors");
      return { hasBest, notes: training.notes.join() };
    };
    const plain = await trainOn("tested-run", {});
    expect(plain.hasBest).to.equal(false);
    expect(plain.notes).to.match(/held out is the test part .*chooses no best checkpoint.*--validation/);
    const asked = await trainOn("tested-monitored", { monitor: "accuracy" });
    expect(asked.hasBest).to.equal(true);
    expect(asked.notes).to.not.match(/chooses no/);
    expect((await trainOn("tested-given", {}, join(dir, "test"))).hasBest).to.equal(true);
    const falling = { schedule: { type: "plateau", mode: "min" }, ema: null };
    expect((await trainOn("tested-plateau", falling)).hasBest).to.equal(false);
  });

  it("refuses a folder that holds a run before the data is opened", async () => {
    const output = join(folder(), "kept");
    await mkdir(join(output, "checkpoints"), { recursive: true });
    await writeFile(join(output, "checkpoints", "last.safetensors"), "");
    const dir = join(folder(), "none");
    const error = await rejected(prepareRecipe(TINY, { dir, output }));
    expect(error).to.include({ code: "ERR_IO", path: output, argument: "output" });
    expect(error.message).to.match(/holds a run already/);
    const overwriting = await rejected(prepareRecipe(TINY, { dir, output, overwrite: true }));
    expect(overwriting).to.include({ code: "ERR_DATASET", path: dir });
  });

  it("keeps the small network's defaults", async () => {
    const recipe = changeRecipe(recipes.get("default")!, { network: { inputSize: 32 }, epochs: 2 });
    const { recipe: full, model } = await prepareRecipe(recipe, { dir: photos });
    expect(model.spec).to.deep.equal(smallResNet({ classes: 3, channelsPerClass: 3, inputSize: 32 }).spec);
    expect(full.schedule).to.deep.equal({ type: "cosine", warmupEpochs: 1 });
    expect(full.transforms.train).to.deep.equal([
      { type: "resize", size: { height: 32, width: 32 }, interpolation: "lanczos" },
      { type: "randomCrop", padding: 4, fill: [0, 0, 0] },
      { type: "randomHorizontalFlip", probability: 0.5 },
      { type: "normalize", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    ]);
  });

  it("says which part of a recipe does not fit", async () => {
    const error = async (patch: Patch) => rejected(prepareRecipe(changeRecipe(TINY, patch), { dir: photos }));
    const sized = await error({ transforms: { train: recipes.get("cub200-vgg16")!.transforms.train } });
    expect(sized).to.include({ code: "ERR_ARGUMENT", argument: "transforms.train" });
    expect(sized.message).to.match(/make 224 × 224 images, but the network takes 32 × 32/);
    expect((await error({ groups: [{ classes: 3, channels: 5 }] })).argument).to.equal("groups");
    expect((await error({ optimizer: { groups: [{ pattern: "head" }] } })).message).to.match(
      /groups\[0\]\.pattern \(head\) matches no name/,
    );
    expect((await error({ unfreeze: [{ epoch: 0, pattern: "head" }] })).argument).to.equal(
      "unfreeze[0].pattern",
    );
    expect((await error({ unfreeze: [{ epoch: 3, pattern: "conv1" }] })).argument).to.equal(
      "unfreeze[0].epoch",
    );
    expect((await error({ unfreeze: [{ epoch: 1, pattern: "conv1" }] })).message).to.match(/at epoch 0/);
  });

  it("tells how to use a published set's recipe on images of one's own", async () => {
    const birds = recipes.get("cub200-resnet18")!;
    const error = await rejected(prepareRecipe(birds, { dir: photos }));
    expect(error).to.include({ code: "ERR_DATASET", path: photos });
    expect(error.message).to.match(/does not hold CUB-200-2011: .* set dataset\.kind to folder$/);
    const own = changeRecipe(TINY, { dataset: { kind: "folder" } });
    expect((await prepareRecipe(own, { dir: photos })).images.classes).to.have.length(3);
  });

  it("gives groups of parameters their own rates, and the blocks that it names to classes", async () => {
    const recipe = changeRecipe(TINY, {
      groups: [{ classes: 3, channels: 2 }],
      schedule: { type: "constant" },
    });
    const training = await prepareRecipe(recipe, { dir: photos });
    expect(training.model.spec.groups).to.deep.equal([{ classes: 3, channels: 2 }]);
    const first = await training.fit().next();
    expect((first.value as { learningRate: number }).learningRate).to.equal(0.02);
  });

  it("normalises images as those were that its weights were trained on", async () => {
    const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
    const normalised = async (weights: Model, change: Patch = {}) => {
      const file = join(folder(), "normalised.safetensors");
      await saveModel(weights, file);
      const { model, notes, recipe } = await prepareRecipe(
        changeRecipe(SMALL, { ...change, weights: file }),
        {
          dir: photos,
        },
      );
      const { train, test } = recipe.transforms;
      const steps = [train, test].map((list) => (list as TransformSpec[]).at(-1));
      const { mean, std } = steps[0] as NormalizeSpec;
      expect(steps[1]).to.deep.include({ mean, std });
      expect(model.info.normalization).to.deep.equal({ mean, std });
      return { seen: { mean, std }, told: notes.filter((note) => note.includes("are normalised as")) };
    };
    const SMALL = changeRecipe(TINY, {
      network: { name: "resnet18", inputSize: 32 },
      optimizer: { groups: null },
      unfreeze: null,
    });
    const known = await normalised(resnet18({ classes: 1000, inputSize: 32 }));
    expect(known.seen).to.deep.equal(imageNet);
    expect(known.told[0]).to.match(/1000 classes\): mean 0\.485, 0\.456, 0\.406, std 0\.229/);
    const unknown = await normalised(resnet18({ classes: 12, inputSize: 32 }));
    expect(unknown).to.deep.equal({ seen: half, told: [] });
    const own: ModelInfo["normalization"] = { mean: [0.1, 0.2, 0.3], std: [1, 1, 1] };
    const ours = await normalised(resnet18({ classes: 1000, inputSize: 32, info: { normalization: own } }));
    expect(ours.seen).to.deep.equal(own);
    expect(ours.told[0]).to.contain("as its checkpoint says");
    // What a recipe writes out goes for the images that it leaves open too.
    const train = [resize({ height: 32, width: 32 }), normalize(own)];
    const written = await normalised(resnet18({ classes: 1000, inputSize: 32 }), { transforms: { train } });
    expect(written).to.deep.equal({ seen: own, told: [] });
  });

  it("starts from weights, and does not need them to go on", async () => {
    const file = join(folder(), "weights.safetensors");
    using source = smallResNet({ classes: 5, channelsPerClass: 2, inputSize: 32, width: 8, seed: 7 });
    await saveModel(source, file);
    const output = join(folder(), "tuned");
    const recipe = changeRecipe(TINY, { weights: file, epochs: 1, unfreeze: null });
    const controller = new AbortController();
    const training = await prepareRecipe(recipe, { dir: photos, output, signal: controller.signal });
    expect(training.weights?.loaded).to.include("layer3.conv2.weight");
    expect(training.weights?.initialized.map(({ name }) => name)).to.include("classifier.4.weight");
    const [weight] = training.model.parameters("layer1.conv1");
    expect(await weight!.data()).to.deep.equal(await source.parameters("layer1.conv1")[0]!.data());
    const events = training.fit();
    await events.next();
    controller.abort();
    await rejected(finish(events));
    const resumed = await prepareResume(output);
    expect(resumed).to.not.have.property("weights");
    expect(resumed.model).to.be.instanceOf(Model);
    expect(await finish(resumed.fit())).to.have.length(1);
  });
});
