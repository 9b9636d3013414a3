import { expect } from "chai";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  bilinearVgg16,
  Model,
  resnet18,
  resnet50,
  smallResNet,
  vgg16,
  type ModelSpec,
  type Tensor,
} from "mutual-channel-loss";
import { loadWeights } from "mutual-channel-loss/models";
import { saveStateDict } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";
import { pickledTensors, storedZip } from "../support/pth.js";

const folder = temporaryFolder();

const stateOf = (model: Model): Record<string, Tensor> =>
  Object.fromEntries(model.state().map(({ name, tensor }) => [name, tensor]));

async function saved(name: string, state: Record<string, Tensor>): Promise<string> {
  const path = join(folder(), name);
  await saveStateDict(path, state);
  return path;
}

/** A stage of one convolution, and a classifier. */
function tiny(classes: number): Model {
  const spec: ModelSpec = {
    format: 1,
    name: "tiny",
    input: { channels: 1, height: 2, width: 2 },
    classes,
    groups: [],
    layers: [
      { type: "conv2d", name: "conv", inChannels: 1, outChannels: 1, kernelSize: 2, bias: false },
      { type: "flatten" },
      { type: "linear", name: "fc", inFeatures: 1, outFeatures: classes },
    ],
    features: "conv",
  };
  return new Model(spec, { seed: 1 });
}

/** What torch.save writes of tiny(2). */
const PTH = storedZip([
  {
    name: "tiny/data.pkl",
    data: pickledTensors([
      { name: "conv.weight", key: "0", elements: 4, shape: [1, 1, 2, 2], strides: [4, 4, 2, 1] },
      { name: "fc.weight", key: "1", elements: 2, shape: [2, 1], strides: [1, 1] },
      { name: "fc.bias", key: "1", elements: 2, shape: [2], strides: [1] },
    ]),
  },
  { name: "tiny/data/0", data: Buffer.from(Float32Array.of(1, 2, 3, 4).buffer) },
  { name: "tiny/data/1", data: Buffer.from(Float32Array.of(5, 6).buffer) },
]);
const SHA256 = createHash("sha256").update(PTH).digest("hex");

describe("loadWeights", () => {
  it("loads a backbone, replaces the classifier, and names all that was not loaded", async () => {
    const path = join(folder(), `tiny-${SHA256.slice(0, 8)}.pth`);
    await writeFile(path, PTH);
    using model = tiny(3);
    const bias = await model.parameters("fc.bias")[0]!.data();
    expect(await loadWeights(model, path)).to.deep.equal({
      path,
      loaded: ["conv.weight"],
      initialized: [
        { name: "fc.weight", shape: [3, 1], stored: [2, 1] },
        { name: "fc.bias", shape: [3], stored: [2] },
      ],
      unused: [],
    });
    expect([...(await model.parameters("conv")[0]!.data())]).to.deep.equal([1, 2, 3, 4]);
    expect(await model.parameters("fc.bias")[0]!.data()).to.deep.equal(bias);
  });

  it("finds nested weights, and takes off what wrappers put before their names", async () => {
    using model = tiny(2);
    const wrapped = fileURLToPath(new URL("../fixtures/pth/wrapped.pth", import.meta.url));
    const found = await loadWeights(model, wrapped);
    expect(found).to.deep.include({ key: "state.model", prefix: "module._orig_mod.", unused: [] });
    expect(found.loaded).to.have.members(["conv.weight", "fc.weight", "fc.bias"]);
    expect([...(await model.parameters("fc.weight")[0]!.data())]).to.deep.equal([3, 3]);
    for (const prefix of ["module.", "_orig_mod.", "student.backbone."]) {
      const state = Object.entries(stateOf(model)).map(([name, value]) => [prefix + name, value] as const);
      const path = await saved("prefixed.safetensors", Object.fromEntries(state));
      expect(await loadWeights(tiny(2), path)).to.deep.include({ prefix, initialized: [] });
      expect(await loadWeights(tiny(2), path, { prefix })).to.deep.include({ prefix, initialized: [] });
    }
    const other = await rejected(loadWeights(model, wrapped, { key: "discriminator" }));
    expect(other.message).to.match(
      /no weights that fit tiny.*key \(--weights-key\).*prefix \(--weights-prefix\)/,
    );
    expect((await rejected(loadWeights(model, wrapped, { key: "none" }))).message).to.match(
      /no dict at the key none/,
    );
    const plain = join(folder(), "plain.pth");
    await writeFile(plain, storedZip([{ name: "a/data.pkl", data: Buffer.from("\x80\x02}.", "latin1") }]));
    expect((await rejected(loadWeights(model, plain))).message).to.match(/has no tensors at its top/);
  });

  it("leaves a widened last stage as it was initialised", async () => {
    const options = { classes: 5, inputSize: 32, width: 8 };
    using narrow = smallResNet({ ...options, channelsPerClass: 2 });
    const path = await saved("narrow.safetensors", {
      ...stateOf(narrow),
      extra: stateOf(narrow)["bn1.bias"]!,
    });
    using wide = smallResNet({ ...options, channelsPerClass: 3, seed: 3 });
    const { loaded, initialized, unused } = await loadWeights(wide, path);
    expect(loaded).to.include.members(["conv1.weight", "layer3.bn2.num_batches_tracked"]);
    expect(initialized.map(({ name }) => name)).to.deep.equal([
      ...["conv2.weight", "bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var"],
      "bn2.num_batches_tracked",
      ...["weight", "bias", "running_mean", "running_var"].map((name) => `classifier.0.${name}`),
      ...["classifier.0.num_batches_tracked", "classifier.1.weight", "classifier.1.bias"],
    ]);
    expect(unused).to.deep.equal(["extra"]);
  });

  it("loads no layer by half", async () => {
    const model = (width: number) =>
      new Model({
        ...tiny(2).spec,
        layers: [
          { type: "conv2d", name: "wide", inChannels: 1, outChannels: width, kernelSize: 1 },
          { type: "conv2d", name: "conv", inChannels: width, outChannels: 1, kernelSize: 2 },
          { type: "flatten" },
          { type: "linear", name: "fc", inFeatures: 1, outFeatures: 2 },
        ],
      });
    const path = await saved("two.safetensors", stateOf(model(2)));
    // conv.bias alone would fit.
    const { loaded, initialized } = await loadWeights(model(3), path);
    expect(loaded).to.deep.equal(["fc.weight", "fc.bias"]);
    expect(initialized.at(-1)).to.deep.equal({ name: "conv.bias", shape: [1], stored: [1] });
  });

  it("says which official file is meant where the file is missing", async () => {
    const message = async (model: Model) =>
      (await rejected(loadWeights(model, join(folder(), "none.pth")))).message;
    const classes = 200;
    expect(await message(resnet50({ classes }))).to.match(
      /cannot open the weights .*none\.pth: no such file.* resnet50-0676ba61\.pth \(97\.781 MiB, its SHA-256 begins with 0676ba61\); https:\/\/docs\.pytorch\.org\/vision\/\S+torchvision\.models\.resnet50\.html/,
    );
    expect(await message(resnet18({ classes, channelsPerClass: 3 }))).to.contain("resnet18-f37072fd.pth");
    expect(await message(bilinearVgg16({ classes }))).to.contain("vgg16-397923af.pth");
    expect(await message(vgg16({ classes }))).to.contain("vgg16_bn-6c64b313.pth");
    expect(await message(vgg16({ classes, batchNorm: false }))).to.contain("vgg16-397923af.pth");
    expect(await message(smallResNet({ classes }))).to.match(
      /Give a \.pth or \.safetensors file with weights of small/,
    );
  });

  it("refuses a file that is another one than its name says", async () => {
    const path = join(folder(), "resnet50-0676ba61.pth");
    await writeFile(path, PTH);
    const error = await rejected(loadWeights(tiny(3), path));
    expect(error).to.include({ code: "ERR_CHECKPOINT", path });
    expect(error.message).to.match(
      /damaged or another file: its SHA-256 is [0-9a-f]{64}, .* begins with 0676ba61/,
    );
  });

  it("refuses what is damaged, no file of weights, or of another network", async () => {
    const cut = join(folder(), "cut.pth");
    await writeFile(cut, PTH.subarray(0, 300));
    expect(await rejected(loadWeights(tiny(3), cut))).to.include({ code: "ERR_CHECKPOINT", path: cut });
    const text = join(folder(), "text.safetensors");
    await writeFile(text, "not weights at all");
    expect((await rejected(loadWeights(tiny(3), text))).code).to.equal("ERR_CHECKPOINT");
    const folderError = await rejected(loadWeights(tiny(3), folder()));
    expect(folderError.message).to.match(/not a file/);
    const other = await saved("other.safetensors", {
      "module.conv.weight": stateOf(tiny(3))["conv.weight"]!,
    });
    const error = await rejected(loadWeights(tiny(3), other, { prefix: "" }));
    expect(error.message).to.match(/no weights that fit tiny: its names are such as module\.conv\.weight/);
    const { loaded } = await loadWeights(tiny(3), other, { prefix: "module." });
    expect(loaded).to.deep.equal(["conv.weight"]);
  });
});

describe("patterns", () => {
  it("take any text for *, and what lies under it", () => {
    using model = tiny(3);
    expect(model.parameters("fc.*")).to.have.length(2);
    expect(model.parameters("*")).to.have.length(3);
    expect(model.parameters("c*")).to.have.length(1);
    expect(model.parameters("*.bias")).to.have.length(1);
    expect(caught(() => model.freeze("conv.*.x")).message).to.match(/matches no name/);
  });
});
