import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  loadModel,
  Model,
  resnet101,
  saveModel,
  smallResNet,
  tensor,
  type ModelSpec,
  type Tensor,
} from "mutual-channel-loss";
import { ops, saveStateDict } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { pickledTensors, storedZip } from "../support/pth.js";

const LOADER = fileURLToPath(new URL("../support/checkpoint-loader.ts", import.meta.url));

const folder = temporaryFolder();
const options = { classes: 3, inputSize: 32, width: 8 };

function stateOf(model: Model): Record<string, Tensor> {
  return Object.fromEntries(model.state().map(({ name, tensor }) => [name, tensor]));
}

async function expectSame(actual: Model, expected: Model): Promise<void> {
  const state = stateOf(expected);
  for (const { name, tensor } of actual.state()) {
    expect(await tensor.data(), name).to.deep.equal(await state[name]!.data());
  }
}

async function saved(name: string, state: Record<string, Tensor>): Promise<string> {
  const path = join(folder(), name);
  await saveStateDict(path, state);
  return path;
}

/** A convolution of one 1×1 kernel on one channel, and a classifier. */
const TINY: ModelSpec = {
  format: 1,
  name: "tiny",
  input: { channels: 2, height: 2, width: 2 },
  classes: 2,
  groups: [],
  layers: [
    { type: "conv2d", name: "conv", inChannels: 2, outChannels: 1, kernelSize: [1, 2], bias: false },
    { type: "flatten" },
    { type: "linear", name: "fc", inFeatures: 2, outFeatures: 2, bias: false },
  ],
  features: "conv",
};

describe("Model.load", () => {
  it("reads into the memory of the weights, before and after they were used", async () => {
    using source = smallResNet({ ...options, seed: 1 });
    const path = await saved("state.safetensors", stateOf(source));
    using fresh = smallResNet({ ...options, seed: 2 });
    expect(await fresh.load(path)).to.deep.equal({ missing: [], unexpected: [], mismatched: [] });
    await expectSame(fresh, source);
    using used = smallResNet({ ...options, seed: 2 });
    const [first] = used.parameters();
    await used.load(path);
    await expectSame(used, source);
    expect(await first!.data()).to.deep.equal(await source.parameters()[0]!.data());
    expect(
      used
        .state()
        .filter(({ trainable }) => trainable)
        .every(({ tensor }) => tensor.requiresGrad),
    ).to.equal(true);
  });

  it("converts dtypes", async () => {
    using source = smallResNet({ ...options, seed: 1 });
    const state = Object.entries(stateOf(source)).map(
      ([name, tensor]) => [name, tensor.to("float64")] as const,
    );
    using model = smallResNet(options);
    await model.load(await saved("double.safetensors", Object.fromEntries(state)));
    await expectSame(model, source);
  });

  it("reads PyTorch files of any strides, with a prefix", async () => {
    const path = join(folder(), "strided.pth");
    const pickle = pickledTensors([
      { name: "module.conv.weight", elements: 8, shape: [1, 2, 1, 2], strides: [8, 1, 8, 2] },
      { name: "module.fc.weight", elements: 8, offset: 4, shape: [2, 2], strides: [1, 2] },
    ]);
    const data = Buffer.from(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer);
    await writeFile(
      path,
      storedZip([
        { name: "a/data.pkl", data: pickle },
        { name: "a/data/0", data },
      ]),
    );
    using model = new Model(TINY);
    await model.load(path, { prefix: "module." });
    const { "conv.weight": conv, "fc.weight": fc } = stateOf(model);
    expect(await conv!.data()).to.deep.equal(Float32Array.of(0, 2, 1, 3));
    expect(await fc!.data()).to.deep.equal(Float32Array.of(4, 6, 5, 7));
  });

  it("loads nothing where names or shapes differ, and names the file and the first difference", async () => {
    using source = smallResNet({ ...options, classes: 4, seed: 1 });
    const path = await saved("other.safetensors", stateOf(source));
    using model = smallResNet(options);
    const error = await rejected(model.load(path));
    expect(error).to.include({ code: "ERR_CHECKPOINT", path });
    expect(error.message).to.match(/other\.safetensors has conv2\.weight of shape .* more differences/);
    await expectSame(model, smallResNet(options)); // as its seed has it
  });

  it("with { strict: false } loads what fits, keeps the seed's weights elsewhere, and tells the rest", async () => {
    using source = smallResNet({ ...options, classes: 4, seed: 1 });
    const path = await saved("partial.safetensors", { ...stateOf(source), extra: tensor([1]) });
    using model = smallResNet({ ...options, seed: 2 });
    const { missing, unexpected, mismatched } = await model.load(path, { strict: false });
    expect(missing).to.deep.equal([]);
    expect(unexpected).to.deep.equal(["extra"]);
    const untouched = mismatched.map(({ name }) => name);
    expect(untouched).to.include("conv2.weight");
    const seeded = stateOf(smallResNet({ ...options, seed: 2 }));
    const loaded = stateOf(source);
    for (const { name, tensor } of model.state()) {
      const expected = untouched.includes(name) ? seeded : loaded;
      expect(await tensor.data(), name).to.deep.equal(await expected[name]!.data());
    }
  });

  it("takes files from before PyTorch counted batches, as PyTorch does", async () => {
    using source = smallResNet({ ...options, seed: 1 });
    const state = Object.entries(stateOf(source)).filter(([name]) => !name.endsWith("num_batches_tracked"));
    using model = smallResNet(options);
    const difference = await model.load(await saved("old.safetensors", Object.fromEntries(state)));
    expect(difference.missing).to.deep.equal([]);
    await expectSame(model, source);
  });

  it("leaves the seed's weights where the file cannot be read", async () => {
    using source = smallResNet({ ...options, seed: 1 });
    const path = await saved("cut.safetensors", stateOf(source));
    await truncate(path, 5000);
    using model = smallResNet({ ...options, seed: 2 });
    expect((await rejected(model.load(path))).code).to.equal("ERR_CHECKPOINT");
    await expectSame(model, smallResNet({ ...options, seed: 2 }));
    expect((await rejected(model.load(join(folder(), "none")))).code).to.equal("ERR_CHECKPOINT");
  });

  it("counts as a change of the weights for gradients that were recorded before", async () => {
    using source = new Model(TINY, { seed: 1 });
    const path = await saved("changed.safetensors", stateOf(source));
    using model = new Model(TINY, { seed: 2 });
    const { "fc.weight": weight } = stateOf(model);
    const recorded = ops("aten::mul.Tensor", weight, weight) as Tensor;
    await model.load(path);
    expect((await rejected(recorded.sum().backward())).message).to.match(/modified by an inplace operation/);
  });
});

describe("loading a large checkpoint", () => {
  it("takes its own size in memory and a tenth at most, into a new model and into one that is there", async () => {
    const path = join(folder(), "large.safetensors");
    using model = resnet101({ classes: 1000, inputSize: 224, head: "linear" });
    await saveModel(model, path);
    for (const mode of ["loadModel", "load"]) {
      const run = spawnSync(process.execPath, ["--expose-gc", "--import", "tsx", LOADER, mode, path], {
        encoding: "utf8",
      });
      const { growth, bytes } = JSON.parse(run.stdout) as { growth: number; bytes: number };
      expect(bytes, run.stderr).to.be.greaterThan(150e6);
      expect(growth, mode).to.be.lessThan(1.1 * bytes);
      expect(growth, mode).to.be.greaterThan(0.9 * bytes);
    }
    expect((await loadModel(path)).spec).to.deep.equal(model.spec);
  });
});
