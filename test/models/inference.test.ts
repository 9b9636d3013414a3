import { expect } from "chai";
import fc from "fast-check";
import { join } from "node:path";
import {
  Model,
  noGrad,
  resnet18,
  saveModel,
  SGD,
  smallResNet,
  Trainer,
  type Tensor,
} from "mutual-channel-loss";
import * as networks from "mutual-channel-loss/models";
import { parseModelSpec, type LayerSpec } from "mutual-channel-loss/models";
import { inferenceMode, loadStateDict } from "mutual-channel-loss/tensor";
import { inferShapes } from "#lib/models/infer-shapes.js";
import * as functions from "#lib/models/networks/index.js";
import { native, type InferenceForm } from "#lib/native/binding.js";
import { runModule } from "../support/child.js";
import { fixedLoader } from "../support/fixed-loader.js";
import { fixturePath, numbersOf, readFixture, stateOf } from "../support/fixtures.js";
import { cotangent, formulaState } from "../support/formula.js";
import { temporaryFolder } from "../support/images.js";

const FORMS: readonly InferenceForm[] = ["packed", "plain"];
const TOLERANCE = 1e-5;
const SMALL = { classes: 6, inputSize: 64 };
const folder = temporaryFolder();

/** With weights and statistics that are not those that a network starts with. */
function filled(model: Model): Model {
  model.loadStateDict(formulaState(model));
  return model.eval();
}

function imagesFor({ spec: { input } }: Model, count = 2): Tensor {
  return cotangent([count, input.channels, input.height, input.width]).mul(2);
}

/** The largest difference, relative to the largest number where that is above 1. */
async function difference(actual: Tensor, wanted: Tensor): Promise<number> {
  expect(actual.shape).to.deep.equal(wanted.shape);
  expect(actual.dtype).to.equal(wanted.dtype);
  const [got, expected] = [await numbersOf(actual), await numbersOf(wanted)];
  let [most, largest] = [0, 1];
  expected.forEach((value, i) => {
    // NaN is the largest.
    const off = Math.abs(value - got[i]!);
    if (!(off <= most)) most = off;
    largest = Math.max(largest, Math.abs(value));
  });
  return most / largest;
}

async function expectSame(
  model: Model,
  images: Tensor,
  { tolerance = TOLERANCE, precision }: { tolerance?: number; precision?: "bfloat16" } = {},
): Promise<void> {
  const options = { training: false, ...(precision && { precision }) };
  const plain = await noGrad(() => model.forward(images, options));
  for (const form of FORMS) {
    using frozen = model.holdFrozen(form);
    // The second pass has what the first has kept.
    for (const pass of ["first", "second"]) {
      const output = await frozen.forward(images, options);
      for (const part of ["logits", "features"] as const) {
        const off = await difference(output[part], plain[part]);
        expect(off, `${form}, ${pass} pass, ${part}`).to.be.at.most(tolerance);
      }
    }
  }
}

/** A network of `layers` and a linear layer, on images of 3 channels. */
function networkOf(layers: LayerSpec[], features: string): Model {
  const [channels = 0] = inferShapes(layers, [3, 9, 8]).output;
  return new Model(
    parseModelSpec({
      format: 1,
      name: "made up",
      input: { channels: 3, height: 9, width: 8 },
      classes: 4,
      groups: [],
      layers: [
        ...layers.map((layer, i) => ({ ...layer, name: layer.name ?? `part${i}` })),
        { type: "adaptiveAvgPool2d", outputSize: 1 },
        { type: "flatten" },
        { type: "linear", inFeatures: channels, outFeatures: 4 },
      ],
      features,
    }),
    { seed: 5 },
  );
}

const ACTIVATIONS = [
  "relu",
  "relu6",
  "silu",
  "gelu",
  "sigmoid",
  "tanh",
  "hardswish",
  "hardsigmoid",
  "leakyRelu",
  "elu",
] as const;

/** Layers that keep the image's size, as a list of choices makes them; what they nest is of the same list. */
function makeLayers(
  choices: number[],
  channels: number,
  depth = 0,
): { layers: LayerSpec[]; channels: number } {
  const layers: LayerSpec[] = [];
  const inner = (width: number): LayerSpec[] => {
    const made = makeLayers([...choices.splice(0, 3), 15], width, depth + 1);
    if (made.channels === width) return made.layers;
    return [...made.layers, conv(made.channels, width)];
  };
  while (choices.length > 0) {
    const choice = choices.shift()!;
    const size = 4 * (1 + (choice % 3));
    const kind = Math.floor(choice / 3) % (depth < 2 ? 14 : 8);
    if (kind <= 1) {
      layers.push(conv(channels, size, choice));
      channels = size;
    } else if (kind === 2) layers.push({ type: "batchNorm2d", features: channels });
    else if (kind <= 4) layers.push({ type: ACTIVATIONS[choice % ACTIVATIONS.length]! });
    else if (kind === 5) layers.push({ type: choice % 2 ? "identity" : "dropout" });
    else if (kind === 6) layers.push({ type: "layerScale", features: channels, init: 0.7 });
    else if (kind === 7) {
      const pools: LayerSpec[] = [
        { type: "maxPool2d", kernelSize: 3, stride: 1, padding: 1 },
        { type: "layerNorm2d", features: channels },
        { type: "linear", inFeatures: channels, outFeatures: channels },
      ];
      layers.push(pools[choice % 3]!);
    } else if (kind <= 9) {
      const activation = choice % 2 ? "relu" : "none";
      layers.push({ type: "residual", activation, layers: inner(channels) });
    } else if (kind === 10) {
      const shortcut = conv(channels, channels);
      layers.push({ type: "residual", layers: inner(channels), shortcut });
    } else if (kind === 11) {
      layers.push({
        type: "concat",
        branches: [{ type: "sequential", layers: inner(channels) }, conv(channels, size)],
      });
      channels += size;
    } else if (kind === 12) {
      layers.push({ type: "denseConnection", layers: inner(channels) });
      channels *= 2;
    } else {
      const factors: LayerSpec[] = [
        { type: "adaptiveAvgPool2d", outputSize: 1 },
        conv(channels, channels, 3),
        { type: "sigmoid" },
      ];
      layers.push(
        choice % 2 ? { type: "aside", layers: inner(channels) } : { type: "scale", layers: factors },
      );
    }
  }
  return { layers, channels };
}

function conv(inChannels: number, outChannels: number, choice = 0): LayerSpec {
  const plain = { type: "conv2d", inChannels, outChannels } as const;
  const forms: LayerSpec[] = [
    { ...plain, kernelSize: 3, padding: 1, bias: false },
    { ...plain, kernelSize: 3, padding: "same" },
    { ...plain, kernelSize: [1, 2], padding: "same", bias: false },
    { ...plain, kernelSize: 1 },
    { ...plain, kernelSize: 3, padding: 2, dilation: 2, ...(inChannels % 4 === 0 && { groups: 4 }) },
  ];
  return forms[choice % forms.length]!;
}

describe("a model frozen for inference", () => {
  describe(`answers as before within ${TOLERANCE}, with its features`, () => {
    const families: Record<string, () => Model> = {
      smallResNet: () => smallResNet({ classes: 5, inputSize: 48, width: 16 }),
      resnet18: () => networks.resnet18({ classes: 6, channelsPerClass: 3, inputSize: 64 }),
      "resnet18 with an adapter": () => networks.resnet18({ ...SMALL, adapter: { channelsPerClass: 2 } }),
      "resnet18 with an adapter aside": () =>
        networks.resnet18({ ...SMALL, adapter: { channelsPerClass: 2, head: "backbone" } }),
      resnet50: () => networks.resnet50(SMALL),
      mobilenet_v2: () => networks.mobilenet_v2(SMALL),
      mobilenet_v3_small: () => networks.mobilenet_v3_small(SMALL),
      efficientnet_b0: () => networks.efficientnet_b0(SMALL),
      densenet121: () => networks.densenet121(SMALL),
      convnext_tiny: () => networks.convnext_tiny(SMALL),
      regnet_y_3_2gf: () => networks.regnet_y_3_2gf(SMALL),
      swin_t: () => networks.swin_t(SMALL),
      bilinearVgg16: () => networks.bilinearVgg16({ classes: 3, inputSize: 32 }),
    };
    // MCLOSS_ALL_NETWORKS=1 adds the others of each family.
    const all = process.env["MCLOSS_ALL_NETWORKS"] === "1";
    for (const [name, network] of all ? Object.entries(functions) : []) {
      families[name] ??= () => network(SMALL);
    }

    for (const [name, build] of Object.entries(families)) {
      it(`for ${name}`, async () => {
        using model = filled(build());
        await expectSame(model, imagesFor(model));
      });
    }

    interface Case {
      name: string;
      spec: LayerSpec;
      shape: readonly [number, number, number];
    }
    it("for each layer", async () => {
      const fixtures = await loadStateDict(fixturePath("layers.safetensors"));
      for (const { name, spec, shape } of readFixture("layers.json") as Case[]) {
        const [channels, height, width] = shape;
        const layers: LayerSpec[] = [
          { type: "identity", name: "images" },
          { ...spec, name: "it" },
          { type: "flatten", name: "flat" },
        ];
        const [classes] = inferShapes(layers, shape).output;
        const input = { channels, height, width };
        using model = new Model(
          parseModelSpec({ format: 1, name, input, classes, groups: [], layers, features: "images" }),
        );
        await expectSame(filled(model), fixtures[`${name}/input`]!);
      }
    });

    it("for whatever layers are put together", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.nat(1000), { minLength: 1, maxLength: 16 }),
          fc.nat(1000),
          async (choices, at) => {
            const { layers } = makeLayers([...choices], 3);
            using model = networkOf(layers, `part${at % layers.length}`);
            await expectSame(filled(model), imagesFor(model));
          },
        ),
        { seed: 1, numRuns: 100 },
      );
    });

    it("for batches and images of other sizes than the first", async () => {
      using model = filled(resnet18(SMALL));
      for (const shape of [
        [1, 3, 64, 64],
        [5, 3, 64, 64],
        [2, 3, 96, 72],
      ]) {
        await expectSame(model, cotangent(shape));
      }
    });
  });

  it("computes in bfloat16 where it is asked to, by autocast or by its weights", async () => {
    using model = filled(smallResNet({ classes: 5, inputSize: 48, width: 16 }));
    const images = imagesFor(model);
    await expectSame(model, images, { precision: "bfloat16", tolerance: 0.04 });
    await model.to("bfloat16");
    await expectSame(model, images, { tolerance: 0.04 });
    await model.to("float64");
    await expectSame(model, images, { tolerance: 1e-12 });
  });

  describe("follows its weights", () => {
    const changes: Record<string, (model: Model) => unknown> = {
      "that are loaded by name": (model) => {
        model.loadStateDict(stateOf(smallResNet({ classes: 3, inputSize: 32, width: 8, seed: 8 })));
      },
      "that are read from a file": async (model) => {
        const path = join(folder(), "other.safetensors");
        using other = smallResNet({ classes: 3, inputSize: 32, width: 8, seed: 9 });
        await saveModel(other, path);
        await model.load(path);
      },
      "that an operator changes": (model) => {
        noGrad(() => stateOf(model)["bn1.running_mean"]!.add_(0.5));
      },
      "that an optimizer changes": async (model) => {
        const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 0.1 });
        const { logits } = await model.forward(imagesFor(model), { training: true });
        await logits.square().mean().backward();
        await optimizer.step();
      },
      "that a trainer changes": async (model) => {
        const images = Float32Array.from({ length: 4 * 3 * 32 * 32 }, (_, i) => (i % 7) / 7 - 0.5);
        const loader = fixedLoader([{ images, shape: [3, 32, 32], labels: [0, 1, 2, 0] }]);
        await new Trainer(model, { epochs: 2, optimizer: { learningRate: 0.1 } }).fit(loader);
      },
      "to another dtype and back": async (model) => {
        await model.to("bfloat16");
        await model.to("float32");
      },
    };
    for (const [name, change] of Object.entries(changes)) {
      it(name, async () => {
        using model = filled(smallResNet({ classes: 3, inputSize: 32, width: 8 }));
        const images = imagesFor(model);
        await expectSame(model, images);
        await change(model);
        await expectSame(model, images);
      });
    }
  });

  it("is left by train(), and has no gradients until then", async () => {
    using model = filled(smallResNet({ classes: 3, inputSize: 32, width: 8 })).train();
    const images = imagesFor(model);
    await model.freezeForInference();
    expect(model.training).to.equal(false);
    const frozen = await model.forward(images);
    expect(frozen.logits.requiresGrad).to.equal(false);
    const { logits } = await model.train().eval().forward(images);
    expect(logits.requiresGrad).to.equal(true);
    expect(await difference(frozen.logits, logits.detach())).to.be.at.most(TOLERANCE);
  });

  it("gives taps of layers that are folded as they are", async () => {
    using model = filled(smallResNet({ classes: 3, inputSize: 32, width: 8 }));
    const images = imagesFor(model);
    const tapped = () => noGrad(() => model.forward(images, { taps: ["conv1"] }));
    const wanted = await tapped();
    await model.freezeForInference();
    expect(await difference((await tapped()).taps.conv1, wanted.taps.conv1)).to.equal(0);
  });

  it("makes no numbers of what is none, in the images, the weights or between", async () => {
    using model = filled(networks.resnet50(SMALL));
    const images = imagesFor(model, 1);
    await expectSame(model, images);
    using frozen = model.holdFrozen();
    const answer = async (of: Tensor) => numbersOf((await frozen.forward(of, { training: false })).logits);
    expect((await answer(images.mul(NaN))).some(Number.isFinite)).to.equal(false);
    for (const damage of [NaN, 3e38]) {
      noGrad(() => stateOf(model)["layer1.0.conv1.weight"]!.fill_(damage));
      expect((await answer(images)).some(Number.isFinite), `${damage}`).to.equal(false);
    }
  });

  it("answers of each image as if it were alone, however many threads share a batch", async () => {
    using model = filled(smallResNet({ classes: 5, inputSize: 96, width: 32 }));
    const images = imagesFor(model, 16);
    const threads = native().threads();
    try {
      native().threads(4);
      await expectSame(model, images);
    } finally {
      native().threads(threads);
    }
  });

  it("leaves the images as they are, whatever comes first", async () => {
    for (const first of ["relu", "identity", "layerScale", "batchNorm2d"] as const) {
      const layer = { type: first, ...(/relu|identity/.test(first) ? {} : { features: 3 }) } as LayerSpec;
      using model = filled(networkOf([layer], "part0"));
      const images = imagesFor(model);
      const before = await numbersOf(images);
      await model.freezeForInference();
      await inferenceMode(() => model.forward(images));
      expect(await numbersOf(images)).to.deep.equal(before);
    }
  });

  it("keeps its weights packed and little else, and takes no more than a layer's copies to make them", async () => {
    const { code, output, errors } = await runModule(`
      import { resnet18 } from "mutual-channel-loss";
      import { memory } from "mutual-channel-loss/tensor";
      const model = resnet18({ classes: 6, inputSize: 64 });
      await model.freezeForInference();
      const weights = memory().bytes;
      const { allocated, reserved, peak } = memory().allocators.cpu;
      console.log(JSON.stringify([allocated, reserved, peak].map((bytes) => bytes / weights)));`);
    expect(errors).to.equal("");
    expect(code).to.equal(0);
    const [allocated = 0, reserved = 0, peak = 0] = JSON.parse(output) as number[];
    // The weights and, by Winograd's transformation, 16/9 of them.
    expect(allocated).to.be.within(1, 2.9);
    expect(reserved - allocated).to.be.at.most(0.4);
    expect(peak).to.be.at.most(4.5);
  });
});
