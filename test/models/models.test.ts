import { expect } from "chai";
import {
  McLossError,
  Model,
  noGrad,
  resnet101,
  resnet18,
  resnet34,
  resnet50,
  smallResNet,
  bilinearVgg16,
  vgg16,
  tensor,
  type ModelSpec,
  type Tensor,
} from "mutual-channel-loss";
import {
  describe as describeModel,
  parseModelSpec,
  squeezeExcite,
  type LayerSpec,
} from "mutual-channel-loss/models";
import { ops, zeros } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";

/** Every name in the state dict, as describeModel lists it. */
function stateNames(spec: ModelSpec): string[] {
  return describeModel(spec).layers.flatMap((layer) => layer.tensors.map((tensor) => tensor.name));
}

const torchvision = {
  resnet18: resnet18({ classes: 1000 }).spec,
  resnet50: resnet50({ classes: 1000, head: "linear", inputSize: 224 }).spec,
  resnet34: resnet34({ classes: 1000 }).spec,
  resnet101: resnet101({ classes: 1000, head: "linear", inputSize: 224 }).spec,
  vgg16: vgg16({ classes: 1000 }).spec,
  vgg16Plain: vgg16({ classes: 1000, batchNorm: false }).spec,
};

describe("networks in torchvision's form", () => {
  it("have torchvision's numbers of parameters", () => {
    expect(describeModel(torchvision.resnet18).parameters).to.equal(11_689_512);
    expect(describeModel(torchvision.resnet50).parameters).to.equal(25_557_032);
    expect(describeModel(torchvision.resnet34).parameters).to.equal(21_797_672);
    expect(describeModel(torchvision.resnet101).parameters).to.equal(44_549_160);
    expect(describeModel(torchvision.vgg16).parameters).to.equal(138_365_992);
    expect(describeModel(torchvision.vgg16Plain).parameters).to.equal(138_357_544);
  });

  it("have torchvision's names", () => {
    expect(stateNames(torchvision.resnet18)).to.have.length(122);
    expect(stateNames(torchvision.resnet18)).to.include.members([
      "conv1.weight",
      "bn1.num_batches_tracked",
      "layer1.0.conv1.weight",
      "layer2.0.downsample.0.weight",
      "layer2.0.downsample.1.running_mean",
      "layer4.1.bn2.bias",
      "fc.weight",
      "fc.bias",
    ]);
    expect(stateNames(torchvision.resnet50)).to.have.length(320);
    expect(stateNames(torchvision.resnet50)).to.include("layer3.5.conv3.weight");
    expect(stateNames(torchvision.vgg16)).to.include.members([
      "features.0.weight",
      "features.41.running_var",
      "classifier.6.bias",
    ]);
  });

  it("take the multiply-accumulates that are published", () => {
    expect(describeModel(torchvision.resnet18).macs / 1e9).to.be.closeTo(1.814, 0.001);
    expect(describeModel(torchvision.resnet50).macs / 1e9).to.be.closeTo(4.089, 0.001);
    expect(describeModel(torchvision.resnet34).macs / 1e9).to.be.closeTo(3.664, 0.001);
    expect(describeModel(torchvision.resnet101).macs / 1e9).to.be.closeTo(7.801, 0.001);
    expect(describeModel(torchvision.vgg16).macs / 1e9).to.be.closeTo(15.47, 0.01);
  });

  it("split their channels among the classes, or go without MC-Loss where classes are too many", () => {
    expect(resnet50({ classes: 200 }).spec.groups).to.deep.equal([
      { classes: 152, channels: 10 },
      { classes: 48, channels: 11 },
    ]);
    expect(torchvision.resnet18.groups).to.deep.equal([]);
  });
});

describe("networks that the paper trains from scratch", () => {
  it("have 14 × 14 features of 3 channels per class at 224", () => {
    for (const network of [resnet18, vgg16]) {
      const { spec } = network({ classes: 200, channelsPerClass: 3 });
      expect(describeModel(spec).features).to.deep.equal([600, 14, 14]);
      expect(spec.groups).to.deep.equal([{ classes: 200, channels: 3 }]);
    }
  });

  it("widen conv4_3 and conv5_3 of VGG16 and end in the dense head", () => {
    const { layers } = describeModel(vgg16({ classes: 200, channelsPerClass: 3 }).spec);
    const widened = layers.filter((layer) => layer.type === "conv2d" && layer.outputShape[0] === 600);
    expect(widened.map((layer) => layer.name)).to.deep.equal(["features.30", "features.40"]);
    const head = layers.filter((layer) => layer.name.startsWith("classifier.")).map((layer) => layer.type);
    expect(head).to.deep.equal(["batchNorm1d", "linear", "batchNorm1d", "elu", "linear"]);
  });

  it("have the small network's last map at a quarter, an eighth or a sixteenth of the input", () => {
    const features = (stride?: 4 | 8 | 16) =>
      describeModel(smallResNet({ classes: 5, inputSize: 80, ...(stride && { stride }) }).spec).features;
    expect(features()).to.deep.equal([15, 10, 10]);
    expect(features(4)).to.deep.equal([15, 20, 20]);
    expect(features(8)).to.deep.equal([15, 10, 10]);
    expect(features(16)).to.deep.equal([15, 5, 5]);
  });
});

describe("Model", () => {
  it("builds natively what the description says", async () => {
    for (const spec of [
      smallResNet({ classes: 5 }).spec,
      resnet18({ classes: 4, channelsPerClass: 3 }).spec,
    ]) {
      using model = new Model(spec);
      const tensors = describeModel(spec).layers.flatMap((layer) => layer.tensors);
      const state = model
        .state()
        .map(({ name, tensor, trainable }) => ({ name, shape: tensor.shape, trainable }));
      expect(state).to.deep.equal(tensors);
      const { height, width } = spec.input;
      const { features, logits } = await noGrad(() => model.eval().forward(zeros([1, 3, height, width])));
      expect(features.shape).to.deep.equal([1, ...describeModel(spec).features]);
      expect(logits.shape).to.deep.equal([1, spec.classes]);
    }
  });

  it("draws its weights from the seed", async () => {
    const first = async (seed: number) => {
      using model = smallResNet({ classes: 3, seed });
      return await model.state()[0]!.tensor.data();
    };
    expect(await first(1)).to.deep.equal(await first(1));
    expect(await first(1)).to.not.deep.equal(await first(2));
  });

  it("tracks statistics in training only", async () => {
    using model = smallResNet({ classes: 3, inputSize: 32 });
    const tracked = () =>
      model
        .state()
        .find(({ name }) => name === "bn1.num_batches_tracked")!
        .tensor.item();
    await model.forward(zeros([2, 3, 32, 32]));
    expect(tracked()).to.equal(1);
    await model.eval().forward(zeros([2, 3, 32, 32]));
    expect(tracked()).to.equal(1);
  });

  it("runs as in evaluation for one call, whatever its mode is and stays", async () => {
    const model = smallResNet({ classes: 3, inputSize: 32, width: 8 }).train();
    const images = tensor(
      Float32Array.from({ length: 2 * 3072 }, (_, i) => Math.sin(i)),
      { shape: [2, 3, 32, 32] },
    );
    const evaluated = await noGrad(() => model.forward(images, { training: false }));
    expect(model.training).to.equal(true);
    const expected = await noGrad(() => model.eval().forward(images));
    expect(await evaluated.logits.data()).to.deep.equal(await expected.logits.data());
  });

  it("names what is wrong with its input", async () => {
    using model = smallResNet({ classes: 3, inputSize: 32 });
    const shape = await rejected(model.forward(zeros([3, 32, 32])));
    expect(shape).to.include({ code: "ERR_SHAPE", argument: "images" });
    expect(shape.message).to.match(/\[N, 3, H, W\], got \[3, 32, 32\]/);
    const single = await rejected(model.train().forward(zeros([1, 3, 32, 32])));
    expect(single.message).to.match(
      /classifier\.0: batch normalisation needs more than one value per channel/,
    );
    expect(caught(() => new Model(model.spec, { info: { classNames: ["a"] } })).argument).to.equal(
      "classNames",
    );
  });
});

describe("loadStateDict", () => {
  const options = { classes: 3, inputSize: 32 };
  const stateOf = (model: Model) =>
    Object.fromEntries(model.state().map(({ name, tensor: value }) => [name, value]));

  it("makes one model's outputs another's", async () => {
    using first = smallResNet({ ...options, seed: 1 });
    using second = smallResNet({ ...options, seed: 2 });
    const difference = second.loadStateDict(stateOf(first));
    expect(difference).to.deep.equal({ missing: [], unexpected: [], mismatched: [] });
    const images = tensor(
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
      { shape: [1, 3, 32, 32] },
    );
    const logits = async (model: Model) =>
      [...(await (await noGrad(() => model.eval().forward(images))).logits.data())].map(Number);
    expect(await logits(second)).to.deep.equal(await logits(first));
  });

  it("loads nothing where names or shapes differ, unless asked to load what fits", async () => {
    using pretrained = smallResNet({ ...options, seed: 1 });
    using model = smallResNet({ ...options, classes: 4, seed: 2 });
    const name = "bn1.weight";
    const state = { ...stateOf(pretrained), extra: zeros([1]), [name]: zeros([24]) };
    const before = await model
      .state()
      .find((entry) => entry.name === name)!
      .tensor.data();
    const error = caught(() => model.loadStateDict(state));
    expect(error.message).to.match(/^the state dict has .* of shape \[.*\], expected \[.*more differences\)/);
    expect(
      await model
        .state()
        .find((entry) => entry.name === name)!
        .tensor.data(),
    ).to.deep.equal(before);
    const { missing, unexpected, mismatched } = model.loadStateDict(state, { strict: false });
    expect(missing).to.deep.equal([]);
    expect(unexpected).to.deep.equal(["extra"]);
    expect(mismatched.map((entry) => entry.name)).to.include("classifier.4.weight");
    const after = await model
      .state()
      .find((entry) => entry.name === name)!
      .tensor.data();
    expect([...after].every((value) => value === 0)).to.equal(true);
  });

  it("leaves a model whose weights were not needed before with those of its seed", async () => {
    const weights = (model: Model) => model.state()[0]!.tensor.data();
    using model = smallResNet({ ...options, seed: 2 });
    using untouched = smallResNet({ ...options, seed: 2 });
    expect(caught(() => model.loadStateDict({})).argument).to.equal("state");
    expect(await weights(model)).to.deep.equal(await weights(untouched));
  });
});

describe("layers", () => {
  /** Features [N, channels, 3, 3] through one layer, whose output must be an image, and that output. */
  async function through(layer: LayerSpec, channels: number, outChannels: number) {
    const spec: ModelSpec = {
      format: 1,
      name: "one layer",
      input: { channels, height: 3, width: 3 },
      classes: outChannels,
      groups: [],
      layers: [
        { ...layer, name: "tested" },
        { type: "adaptiveAvgPool2d", outputSize: 1 },
        { type: "flatten" },
      ],
      features: "tested",
    };
    const model = new Model(parseModelSpec(JSON.parse(JSON.stringify(spec))));
    const x = tensor(
      Float32Array.from({ length: 2 * channels * 9 }, (_, i) => Math.sin(i)),
      { shape: [2, channels, 3, 3] },
    );
    const { features } = await noGrad(() => model.eval().forward(x));
    const state = Object.fromEntries(model.state().map(({ name, tensor: value }) => [name, value]));
    const values = [...(await features.data())].map(Number);
    return { x, features: values, shape: features.shape, state };
  }

  async function expectSame(actual: readonly number[], expected: Tensor): Promise<void> {
    const wanted = [...(await expected.data())].map(Number);
    expect(actual).to.have.length(wanted.length);
    wanted.forEach((value, i) => expect(actual[i]!).to.be.closeTo(value, 1e-6));
  }

  it("apply LibTorch's activations", async () => {
    const activations: [LayerSpec, string][] = [
      [{ type: "relu6" }, "relu6"],
      [{ type: "silu" }, "silu"],
      [{ type: "gelu" }, "gelu"],
      [{ type: "sigmoid" }, "sigmoid"],
      [{ type: "tanh" }, "tanh"],
      [{ type: "hardswish" }, "hardswish"],
      [{ type: "hardsigmoid" }, "hardsigmoid"],
      [{ type: "leakyRelu" }, "leaky_relu"],
    ];
    for (const [layer, name] of activations) {
      const { x, features } = await through(layer, 4, 4);
      await expectSame(features, ops(`aten::${name}`, x) as Tensor);
    }
  });

  it("normalise groups of channels, starting as the identity does", async () => {
    const { x, features, state } = await through({ type: "groupNorm", groups: 2, features: 4 }, 4, 4);
    expect(Object.keys(state)).to.deep.equal(["tested.weight", "tested.bias"]);
    await expectSame(features, ops("aten::group_norm", x, 2) as Tensor);
  });

  it("put branches side by side, and scale channels by squeeze-and-excitation", async () => {
    const conv: LayerSpec = { type: "conv2d", inChannels: 4, outChannels: 2, kernelSize: 1 };
    const branches: LayerSpec[] = [conv, { type: "identity", name: "skip" }];
    const both = await through({ type: "concat", branches }, 4, 6);
    expect(both.shape).to.deep.equal([2, 6, 3, 3]);
    const { "tested.0.weight": weight, "tested.0.bias": bias } = both.state;
    const first = ops("aten::conv2d", both.x, weight, bias) as Tensor;
    await expectSame(both.features, ops("aten::cat", [first, both.x], 1) as Tensor);

    const { x, features, state } = await through(squeezeExcite(4, 2, "tested"), 4, 4);
    const convolve = (input: Tensor, name: string) =>
      ops("aten::conv2d", input, state[`tested.${name}.weight`], state[`tested.${name}.bias`]) as Tensor;
    const pooled = ops("aten::adaptive_avg_pool2d", x, [1, 1]) as Tensor;
    const factors = ops("aten::sigmoid", convolve(convolve(pooled, "fc1").relu(), "fc2")) as Tensor;
    await expectSame(features, x.mul(factors));
  });

  it("pool bilinearly, in B-CNN", async () => {
    const { spec } = bilinearVgg16({ classes: 200 });
    expect(describeModel(spec).features).to.deep.equal([512, 28, 28]);
    expect(spec.groups).to.deep.equal([
      { classes: 88, channels: 2 },
      { classes: 112, channels: 3 },
    ]);
    const small: ModelSpec = {
      format: 1,
      name: "bilinear",
      input: { channels: 2, height: 1, width: 2 },
      classes: 4,
      groups: [],
      layers: [{ type: "identity", name: "x" }, { type: "bilinearPool" }],
      features: "x",
    };
    using model = new Model(small);
    const x = tensor(Float32Array.of(1, 3, -2, 4), { shape: [1, 2, 1, 2] });
    const { logits } = await noGrad(() => model.eval().forward(x));
    // Rows (1, 3) and (-2, 4): the products' means are 5, 5, 5 and 10.
    const rooted = [5, 5, 5, 10].map(Math.sqrt);
    await expectSame(
      [...(await logits.data())].map(Number),
      tensor(Float32Array.from(rooted, (value) => value / 5)),
    );
  });

  it("are refused with their names where they do not fit", () => {
    const spec = smallResNet({ classes: 3, inputSize: 32 }).spec;
    const refused = (layer: LayerSpec) =>
      caught(() => parseModelSpec({ ...spec, layers: [layer, ...spec.layers] })).message;
    expect(refused({ type: "groupNorm", name: "norm", groups: 2, features: 3 })).to.match(/norm\.groups/);
    expect(refused({ type: "scale", name: "se", layers: [{ type: "relu" }] })).to.match(
      /se needs layers that give \[3, 1, 1\]/,
    );
    const branches: LayerSpec[] = [{ type: "identity" }, { type: "maxPool2d", kernelSize: 2 }];
    expect(refused({ type: "concat", name: "both", branches })).to.match(/both puts images of 32×32 beside/);
  });
});

describe("parseModelSpec", () => {
  const good = smallResNet({ classes: 3, inputSize: 32 }).spec;
  const parse = (change: (spec: { layers: Record<string, unknown>[] } & Record<string, unknown>) => void) => {
    const copy = structuredClone(good) as unknown as { layers: Record<string, unknown>[] } & Record<
      string,
      unknown
    >;
    change(copy);
    return caught(() => parseModelSpec(copy));
  };

  it("gives back what JSON carried", () => {
    for (const spec of [good, ...Object.values(torchvision)]) {
      expect(parseModelSpec(JSON.parse(JSON.stringify(spec)))).to.deep.equal(spec);
    }
  });

  it("names the path of the bad node", () => {
    expect(parse((spec) => (spec.layers[0]!["outChannels"] = "64")).message).to.match(
      /^layers\[0\]\.outChannels: /,
    );
    expect(parse((spec) => (spec.layers[3]!["layers"] = 1)).argument).to.equal("layers[3].layers");
    expect(parse((spec) => (spec.layers[2]!["type"] = "mish")).argument).to.equal("layers[2].type");
    expect(parse((spec) => (spec.layers[0]!["kernel"] = 3)).message).to.match(/^layers\[0\].*kernel/);
    expect(parse((spec) => (spec["classes"] = 0)).argument).to.equal("classes");
    expect(caught(() => parseModelSpec(null))).to.be.instanceOf(McLossError);
  });

  it("names the layers that do not fit one another", () => {
    expect(parse((spec) => (spec.layers[1]!["features"] = 23)).message).to.match(
      /^bn1 needs an image of 23 channels, got \[24, 16, 16\]/,
    );
    expect(parse((spec) => (spec["features"] = "layer9")).message).to.match(/names no layer: "layer9"/);
    expect(parse((spec) => (spec["groups"] = [{ classes: 3, channels: 2 }])).message).to.match(
      /own 6 channels/,
    );
    expect(parse((spec) => (spec.layers[1]!["name"] = "conv1")).message).to.match(
      /conv1 is the name of two layers/,
    );
    expect(parse((spec) => (spec["classes"] = 4)).message).to.match(/classes/);
  });

  it("knows the names of layers inside an inline one as those of the layer around it", () => {
    const convolution: LayerSpec = {
      type: "conv2d",
      name: "conv",
      inChannels: 3,
      outChannels: 3,
      kernelSize: 1,
    };
    const inline: LayerSpec = { type: "residual", name: "added", inline: true, layers: [convolution] };
    const layers: LayerSpec[] = [
      { type: "sequential", name: "block", layers: [inline] },
      { type: "adaptiveAvgPool2d", outputSize: 1 },
      { type: "flatten" },
    ];
    const spec: ModelSpec = {
      ...{ format: 1, name: "inline", input: { channels: 3, height: 4, width: 4 }, classes: 3 },
      ...{ groups: [], layers, features: "block.added" },
    };
    using model = new Model(spec);
    expect(model.state().map(({ name }) => name)).to.deep.equal(["block.conv.weight", "block.conv.bias"]);
    const twice = { ...spec, layers: [{ ...layers[0], layers: [inline, convolution] }, ...layers.slice(1)] };
    expect(caught(() => parseModelSpec(twice)).message).to.match(/block\.conv is the name of two layers/);
  });
});
