import { expect } from "chai";
import { existsSync } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { inferShapes } from "#lib/models/infer-shapes.js";
import { bilinearVgg16, Model, noGrad, resnet18, smallResNet, vgg16, type Tensor } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import * as networks from "mutual-channel-loss/models";
import { exportOnnx, parseModelSpec, type LayerSpec } from "mutual-channel-loss/models";
import { loadStateDict } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { cotangent } from "../support/formula.js";
import { fixturePath, numbersOf, readFixture } from "../support/fixtures.js";
import { temporaryFolder } from "../support/images.js";
import { findOnnxRuntime, type OnnxSession } from "../support/onnxruntime.js";

const TOLERANCE = 1e-4;

interface Case {
  name: string;
  spec: LayerSpec;
  /** [C, H, W] */
  shape: readonly [number, number, number];
}

/** What the fixtures do not have: padding that ceilMode adds, and pooling to sizes that do not divide the image's. */
const POOLING: Case[] = [
  ...(["maxPool2d", "avgPool2d"] as const).flatMap((type) => [
    { name: `${type} ceil`, spec: { type, kernelSize: 3, stride: 2, ceilMode: true } },
    {
      name: `${type} ceil padded`,
      spec: { type, kernelSize: [3, 2], stride: 3, padding: 1, ceilMode: true },
    },
  ]),
  {
    name: "maxPool2d ceil dilated",
    spec: { type: "maxPool2d", kernelSize: 2, stride: 3, dilation: 3, padding: 1, ceilMode: true },
  },
  ...(["adaptiveAvgPool2d", "adaptiveMaxPool2d"] as const).flatMap((type) => [
    { name: `${type} uneven`, spec: { type, outputSize: [4, 3] } },
    { name: `${type} dividing`, spec: { type, outputSize: [7, 4] } },
    { name: `${type} enlarging`, spec: { type, outputSize: [9, 3] } },
  ]),
  { name: "groupNorm plain", spec: { type: "groupNorm", groups: 3, features: 3, affine: false } },
  { name: "layerNorm2d plain", spec: { type: "layerNorm2d", features: 3, affine: false } },
  {
    name: "batchNorm1d plain",
    spec: {
      type: "sequential",
      layers: [{ type: "flatten" }, { type: "batchNorm1d", features: 168, affine: false }, { type: "prelu" }],
    },
  },
].map((each) => ({ ...each, shape: [3, 7, 8] }) as Case);

/** The layer and nothing else, its output flattened. Its name and its neighbour's are those of the graph's own values. */
function around({ name, spec, shape }: Case): Model {
  const [channels, height, width] = shape;
  const layers: LayerSpec[] = [
    { type: "identity", name: "images" },
    { ...spec, name: "logits" },
    { type: "flatten", name: "flat" },
  ];
  const [classes] = inferShapes(layers, shape).output;
  const input = { channels, height, width };
  return new Model(
    parseModelSpec({ format: 1, name, input, classes, groups: [], layers, features: "images" }),
    { seed: 3 },
  );
}

/** Values from −2 to 2 without a pattern. */
function imagesFor({ spec: { input } }: Model, count: number): Tensor {
  const { channels, height, width } = input;
  return cotangent([count, channels, height, width]).mul(2);
}

const SMALL = { classes: 10, inputSize: 64 };
const others: Record<string, () => Model> = {
  resnet50: () => networks.resnet50(SMALL),
  resnet152: () => networks.resnet152(SMALL),
  resnext50_32x4d: () => networks.resnext50_32x4d(SMALL),
  wide_resnet50_2: () => networks.wide_resnet50_2(SMALL),
  mobilenet_v3_large: () => networks.mobilenet_v3_large(SMALL),
  efficientnet_b1: () => networks.efficientnet_b1(SMALL),
  efficientnet_b2: () => networks.efficientnet_b2(SMALL),
  efficientnet_b3: () => networks.efficientnet_b3(SMALL),
  efficientnet_b4: () => networks.efficientnet_b4(SMALL),
  densenet161: () => networks.densenet161(SMALL),
  convnext_small: () => networks.convnext_small(SMALL),
  convnext_base: () => networks.convnext_base(SMALL),
  vit_b_16: () => networks.vit_b_16(SMALL),
};

const folder = temporaryFolder();

describe("exportOnnx", () => {
  const runtime = findOnnxRuntime();

  async function expectSameLogits(model: Model, batches: readonly Tensor[], opset?: number): Promise<void> {
    const path = join(folder(), "model.onnx");
    await exportOnnx(model, path, opset === undefined ? {} : { opset });
    const session = await runtime!.InferenceSession.create(path, { intraOpNumThreads: 1 });
    for (const images of batches) await expectSameBatch(session, model, images);
  }

  async function expectSameBatch(session: OnnxSession, model: Model, images: Tensor): Promise<void> {
    const { Tensor: OnnxTensor } = runtime!;
    const data = (await images.data()) as Float32Array;
    const { logits } = await session.run({ images: new OnnxTensor("float32", data, images.shape) });
    const ours = (await noGrad(() => model.eval().forward(images))).logits;
    expect(logits!.dims).to.deep.equal(ours.shape);
    const wanted = await numbersOf(ours);
    const off = wanted.findIndex((value, i) => {
      return !(Math.abs(logits!.data[i]! - value) <= TOLERANCE * Math.max(1, Math.abs(value)));
    });
    expect(off, `logits[${off}]: ${logits!.data[off]} is not ${wanted[off]}`).to.equal(-1);
  }

  describe(`gives onnxruntime's logits within ${TOLERANCE}`, () => {
    before(function () {
      if (runtime) return;
      // Mocha prints the reason beside the skipped tests.
      this.test!.parent!.title += " (skipped: onnxruntime-node is not installed)";
      this.skip();
    });

    describe("for each layer", () => {
      let fixtures: Record<string, Tensor>;
      before(async () => {
        fixtures = await loadStateDict(fixturePath("layers.safetensors"));
      });

      for (const each of readFixture("layers.json") as Case[]) {
        it(each.name, async () => {
          using model = around(each);
          const prefix = `${each.name}/state.`;
          const state = Object.entries(fixtures)
            .filter(([name]) => name.startsWith(prefix))
            .map(([name, value]) => [`logits.${name.slice(prefix.length)}`, value] as const);
          model.loadStateDict(Object.fromEntries(state));
          for (const opset of [17, 21])
            await expectSameLogits(model, [fixtures[`${each.name}/input`]!], opset);
        });
      }

      for (const each of POOLING) {
        it(each.name, async () => {
          using model = around(each);
          for (const opset of [17, 21]) await expectSameLogits(model, [imagesFor(model, 2)], opset);
        });
      }
    });

    const built: Record<string, () => Model> = {
      smallResNet: () => smallResNet({ classes: 5, inputSize: 48, width: 16 }),
      resnet18: () => resnet18({ classes: 10, inputSize: 64 }),
      vgg16: () => vgg16({ classes: 4, channelsPerClass: 3, inputSize: 32 }),
      bilinearVgg16: () => bilinearVgg16({ classes: 3, inputSize: 32 }),
      // One of each family; MCLOSS_ALL_NETWORKS=1 adds the others.
      mobilenet_v2: () => networks.mobilenet_v2(SMALL),
      mobilenet_v3_small: () => networks.mobilenet_v3_small(SMALL),
      efficientnet_b0: () => networks.efficientnet_b0(SMALL),
      efficientnet_v2_s: () => networks.efficientnet_v2_s(SMALL),
      densenet121: () => networks.densenet121(SMALL),
      convnext_tiny: () => networks.convnext_tiny(SMALL),
      regnet_y_3_2gf: () => networks.regnet_y_3_2gf(SMALL),
      swin_t: () => networks.swin_t(SMALL),
      ...(process.env["MCLOSS_ALL_NETWORKS"] === "1" ? others : {}),
    };
    for (const [name, build] of Object.entries(built)) {
      it(`for ${name}, on batches of any size`, async () => {
        using model = build();
        await expectSameLogits(model, [imagesFor(model, 1), imagesFor(model, 3)]);
      });
    }

    it("for a network kept in bfloat16, in float32", async () => {
      using model = smallResNet({ classes: 3, inputSize: 32, width: 16 });
      await model.to("bfloat16");
      await exportOnnx(model, join(folder(), "half.onnx"));
      const session = await runtime!.InferenceSession.create(join(folder(), "half.onnx"));
      await model.to("float32");
      await expectSameBatch(session, model, imagesFor(model, 1));
    });
  });

  it("writes the class names, the input's size and the transforms as JSON", async () => {
    const info = { classNames: ["jay", "wren"], transforms: [resize(32), normalize()] };
    using model = smallResNet({ classes: 2, inputSize: 32, width: 16, info });
    const path = join(folder(), "named.onnx");
    await exportOnnx(model, path);
    const text = (await readFile(path)).toString("latin1");
    for (const part of ['["jay","wren"]', "[3,32,32]", JSON.stringify(info.transforms)]) {
      expect(text).to.include(part);
    }
  });

  it("refuses weights that are not finite, naming the tensor, and leaves no file", async () => {
    const path = join(folder(), "nan.onnx");
    using model = smallResNet({ classes: 2, inputSize: 16, width: 8 });
    noGrad(() =>
      model
        .state()
        .find(({ name }) => name === "bn1.weight")!
        .tensor.fill_(NaN),
    );
    const error = await rejected(exportOnnx(model, path));
    expect(error.code).to.equal("ERR_NAN_OUTPUT");
    expect(error.message).to.match(/^the tensor bn1\.weight has NaN/);
    expect(existsSync(path)).to.equal(false);
  });

  it("names a layer of TorchScript, and leaves no file", async () => {
    const path = join(folder(), "none.onnx");
    const module: LayerSpec = {
      type: "torchscript",
      name: "backbone",
      path: fixturePath("small.pt"),
      output: "layer1",
    };
    using model = new Model({
      format: 1,
      name: "nested",
      input: { channels: 3, height: 8, width: 8 },
      classes: 12,
      groups: [],
      layers: [
        { type: "sequential", name: "body", layers: [module] },
        { type: "adaptiveAvgPool2d", outputSize: 1 },
        { type: "flatten" },
      ],
      features: "body",
    });
    const error = await rejected(exportOnnx(model, path));
    expect(error).to.include({ code: "ERR_UNSUPPORTED", argument: "body.backbone" });
    expect(await access(path).catch(() => "missing")).to.equal("missing");
  });

  it("refuses an opset that it does not know, and names a path that cannot be written", async () => {
    using model = smallResNet({ classes: 2, inputSize: 32, width: 16 });
    const opset = await rejected(exportOnnx(model, join(folder(), "x.onnx"), { opset: 9 }));
    expect(opset).to.include({ code: "ERR_ARGUMENT", argument: "opset" });
    const path = join(folder(), "missing", "x.onnx");
    expect(await rejected(exportOnnx(model, path))).to.include({ code: "ERR_IO", path });
  });
});
