import { expect } from "chai";
import { Model, noGrad, resnet18, SGD, smallResNet, tensor, vgg16, type Tensor } from "mutual-channel-loss";
import { ops, zeros } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";
import { numbersOf, stateOf } from "../support/fixtures.js";

const small = () => smallResNet({ classes: 3, inputSize: 32, width: 8, seed: 1 });

function images(): Tensor {
  return tensor(
    Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, i) => Math.sin(i)),
    { shape: [2, 3, 32, 32] },
  );
}

describe("taps", () => {
  it("give the outputs of named layers, of which the features are one", async () => {
    using model = small();
    const taps = ["layer2.conv1", "features", "conv1"] as const;
    const output = await noGrad(() => model.eval().forward(images(), { taps }));
    expect(output.taps["layer2.conv1"].shape).to.deep.equal([2, 16, 8, 8]);
    expect(await numbersOf(output.taps.features)).to.deep.equal(await numbersOf(output.features));
    const { taps: none } = await noGrad(() => model.forward(images()));
    expect(none).to.deep.equal({});
  });

  it("carry gradients", async () => {
    using model = small();
    const { taps } = await model.train().forward(images(), { taps: ["layer1"] });
    await taps.layer1.sum().backward();
    const state = stateOf(model);
    expect(state["conv1.weight"]!.grad).to.not.equal(null);
    expect(state["layer2.conv1.weight"]!.grad).to.equal(null);
  });

  it("must name a layer", async () => {
    using model = small();
    const error = await rejected(model.forward(images(), { taps: ["layer9"] }));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "taps" });
    expect(error.message).to.match(/taps name no layer: "layer9"/);
  });
});

describe("freeze", () => {
  it("keeps parameters and statistics under a name as they are, through a step", async () => {
    using model = small();
    model.freeze("layer1").freeze(/^bn1\.running/);
    const state = stateOf(model);
    const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 0.1, weightDecay: 0.1 });
    const before = Object.fromEntries(
      await Promise.all(
        Object.entries(state).map(async ([name, value]) => [name, await numbersOf(value)] as const),
      ),
    );
    const { logits } = await model.train().forward(images());
    await logits.square().sum().backward();
    await optimizer.step();
    for (const [name, value] of Object.entries(state)) {
      const kept = name.startsWith("layer1.") || /^bn1\.(running|num)/.test(name);
      const same = JSON.stringify(await numbersOf(value)) === JSON.stringify(before[name]);
      expect(same, name).to.equal(kept);
    }
  });

  it("leaves statistics moving where only parameters are named, as requires_grad does in PyTorch", async () => {
    using model = small();
    model.freeze(/^bn1\.(weight|bias)$/);
    const state = stateOf(model);
    expect(state["bn1.weight"]!.requiresGrad).to.equal(false);
    await model.train().forward(images());
    expect(state["bn1.num_batches_tracked"]!.item()).to.equal(1);
  });

  it("drops gradients, is undone by unfreeze, and names a pattern that matches nothing", async () => {
    using model = small();
    const weight = stateOf(model)["conv1.weight"]!;
    await (await model.train().forward(images())).logits.square().sum().backward();
    model.freeze();
    expect(weight.grad).to.equal(null);
    expect(model.parameters().some((parameter) => parameter.requiresGrad)).to.equal(false);
    model.unfreeze("conv1");
    expect(weight.requiresGrad).to.equal(true);
    const error = caught(() => model.freeze("layer"));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "pattern" });
    expect(error.message).to.match(/\(layer\) matches no name/);
  });
});

describe("to", () => {
  it("converts floating-point tensors and their gradients, and images as they come", async () => {
    using model = small();
    await (await model.train().forward(images())).logits.square().sum().backward();
    const single = await noGrad(() => model.eval().forward(images()));
    expect(await model.to("float64")).to.equal(model);
    const state = stateOf(model);
    expect(state["conv1.weight"]!.dtype).to.equal("float64");
    expect(state["conv1.weight"]!.grad!.dtype).to.equal("float64");
    expect(state["bn1.num_batches_tracked"]!.dtype).to.equal("int64");
    const double = await noGrad(() => model.forward(images()));
    expect(double.logits.dtype).to.equal("float64");
    const [got, wanted] = [await numbersOf(double.logits), await numbersOf(single.logits)];
    got.forEach((value, i) => expect(value).to.be.closeTo(wanted[i]!, 1e-5));
    await model.to("bfloat16");
    expect((await noGrad(() => model.forward(images()))).logits.dtype).to.equal("bfloat16");
  });

  it("lays kernels out as asked, with the same outputs", async () => {
    using model = small();
    // Between the channels of a kernel [8, 8, 3, 3].
    const stride = () => ops("aten::stride.int", stateOf(model)["layer1.conv1.weight"], 1);
    const last = (await noGrad(() => model.eval().forward(images()))).logits;
    expect(stride()).to.equal(1);
    await model.to({ device: "cpu", channelsLast: false });
    expect(stride()).to.equal(9);
    const first = (await noGrad(() => model.forward(images()))).logits;
    const [got, wanted] = [await numbersOf(first), await numbersOf(last)];
    got.forEach((value, i) => expect(value).to.be.closeTo(wanted[i]!, 1e-5));
  });

  it("refuses what is no place for a model", async () => {
    using model = small();
    expect((await rejected(model.to("int64"))).code).to.equal("ERR_DTYPE");
    expect((await rejected(model.to("gpu" as "cpu"))).argument).to.equal("device");
  });
});

describe("parameterGroups", () => {
  it("puts every parameter into one group: the first that names it, or the last", () => {
    using model = small();
    const groups = model.parameterGroups([
      { pattern: /^classifier\./, learningRate: 0.1 },
      { pattern: /bn\d\.|bias$/, weightDecay: 0 },
    ]);
    expect(groups.map(({ learningRate, weightDecay }) => [learningRate, weightDecay])).to.deep.equal([
      [0.1, undefined],
      [undefined, 0],
      [undefined, undefined],
    ]);
    const all = groups.flatMap(({ parameters }) => parameters);
    expect(new Set(all)).to.deep.equal(new Set(model.parameters()));
    expect(all).to.have.length(model.parameters().length);
    expect(new SGD(groups, { learningRate: 0.01 }).learningRates).to.deep.equal([0.1, 0.01, 0.01]);
  });

  it("leaves no group over where all is named, and takes a name for everything under it", () => {
    using model = small();
    expect(model.parameterGroups([{ pattern: "" }])).to.have.length(1);
    const [head] = model.parameterGroups([{ pattern: "classifier" }]);
    expect(head!.parameters).to.deep.equal(model.parameters(/^classifier\./));
  });

  it("names a pattern that nothing is left for", () => {
    using model = small();
    const error = caught(() => model.parameterGroups([{ pattern: "conv1" }, { pattern: "fc" }]));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "groups[1].pattern" });
    expect(caught(() => model.parameterGroups([{ pattern: "" }, { pattern: "conv1" }])).message).to.match(
      /^groups\[1\]\.pattern \(conv1\) matches only parameters of the groups before it/,
    );
  });
});

describe("JSON of models", () => {
  it("carries the spec and the info, without weights", () => {
    const info = { classNames: ["a", "b", "c"] };
    using model = smallResNet({ classes: 3, inputSize: 32, info });
    for (const json of [JSON.stringify(model), model.toJSON()]) {
      using copy = Model.fromJSON(json, { seed: 4 });
      expect(copy.toJSON()).to.deep.equal({ spec: model.spec, info });
    }
  });

  it("is refused with the path of the bad node", () => {
    const { spec } = small();
    const broken = (change: object) => ({ spec: { ...spec, ...change } });
    const layers = [
      { type: "residual", layers: [{ type: "conv2d", inChannels: 3, outChannels: 3, kernelSize: "3" }] },
    ];
    const error = caught(() => Model.fromJSON(broken({ layers })));
    expect(error.argument).to.equal("spec.layers[0].layers[0].kernelSize");
    expect(error.message).to.match(/must be a positive integer, or \[height, width\]/);
    expect(caught(() => Model.fromJSON("{")).message).to.match(/the text is not JSON/);
    expect(caught(() => Model.fromJSON({})).code).to.equal("ERR_ARGUMENT");
  });

  it("may have options that are undefined, which stand for their defaults", async () => {
    const { spec } = small();
    const open = { type: "conv2d", name: "first", inChannels: 3, outChannels: 3, kernelSize: 1 } as const;
    using model = new Model({ ...spec, layers: [{ ...open, bias: undefined }, ...spec.layers] });
    expect(Object.keys(stateOf(model))).to.include.members(["first.weight", "first.bias"]);
    expect((await model.forward(images())).logits.shape).to.deep.equal([2, 3]);
  });
});

describe("initial weights", () => {
  async function moments(model: Model, name: string): Promise<{ mean: number; std: number }> {
    const values = await numbersOf(stateOf(model)[name]!);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, std: Math.sqrt(variance) };
  }

  it("of torchvision's ResNet: kaiming_normal_ with fan_out, linear layers as PyTorch's", async () => {
    using model = resnet18({ classes: 100 });
    expect(model.spec.init).to.equal("torchvision");
    const conv = await moments(model, "layer3.0.conv1.weight");
    expect(conv.std).to.be.closeTo(Math.sqrt(2 / (256 * 9)), 1e-4);
    const fc = await moments(model, "fc.weight");
    expect(fc.std).to.be.closeTo(1 / Math.sqrt(512) / Math.sqrt(3), 3e-4);
    expect((await moments(model, "fc.bias")).std).to.be.greaterThan(0);
  });

  it("of torchvision's VGG: biases of 0 and linear layers from normal(0, 0.01)", async () => {
    const { spec } = vgg16({ classes: 10, batchNorm: false });
    expect(JSON.stringify(spec).match(/"weightStd":0.01/g)).to.have.length(3);
    using model = new Model({
      ...spec,
      layers: [
        { type: "conv2d", inChannels: 3, outChannels: 64, kernelSize: 3 },
        { type: "adaptiveAvgPool2d", outputSize: 1 },
        { type: "flatten" },
        { type: "linear", inFeatures: 64, outFeatures: 10, weightStd: 0.01 },
      ],
      features: "0",
    });
    expect(await moments(model, "0.bias")).to.deep.equal({ mean: 0, std: 0 });
    expect((await moments(model, "0.weight")).std).to.be.closeTo(Math.sqrt(2 / (64 * 9)), 3e-3);
    expect((await moments(model, "3.weight")).std).to.be.closeTo(0.01, 1e-3);
    expect(await moments(model, "3.bias")).to.deep.equal({ mean: 0, std: 0 });
  });

  it("of the released code: the same kernels, other biases as PyTorch's", () => {
    expect(resnet18({ classes: 10, channelsPerClass: 3 }).spec.init).to.equal("released");
    expect(vgg16({ classes: 10, channelsPerClass: 3 }).spec.init).to.equal("pytorch");
    expect(resnet18({ classes: 10, init: "pytorch" }).spec.init).to.equal("pytorch");
  });
});

describe("a batch normalisation that is frozen", () => {
  it("takes batches of one", async () => {
    using model = small();
    model.freeze();
    const { logits } = await noGrad(() => model.train().forward(zeros([1, 3, 32, 32])));
    expect(logits.shape).to.deep.equal([1, 3]);
  });
});
