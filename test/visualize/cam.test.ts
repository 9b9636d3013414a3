import { expect } from "chai";
import { mobilenet_v2, resnet50, smallResNet, tensor, vgg16, vit_b_16 } from "mutual-channel-loss";
import { camMethod } from "mutual-channel-loss/visualize";
import { classActivationMap, forwardForCam } from "#lib/visualize/class-activation-map.js";
import { numbersOf } from "../support/fixtures.js";
import { colorModel } from "./color-model.js";

// [2, 3, 1, 2]: red and blue; yellow at half its strength, and cyan.
const images = () => tensor([1, 0, 0, 0, 0, 1, 0.75, 0, 0.75, 1, 0, 1], { shape: [2, 3, 1, 2] });
const classes = (...indices: number[]) => tensor(Int32Array.from(indices), { dtype: "int64" });

describe("the class activation map", () => {
  it("is the features, weighted as the classifier weighs them (CAM)", async () => {
    const model = colorModel();
    expect(camMethod(model)).to.equal("CAM");
    const output = await forwardForCam(model, images());
    // Features: (1, 0, 0, 0) and (0, 0, 1, 0); (0, 0.5, 0, 0) and (0, 0, 0, 1); weights 20, 10, −20, −20.
    const map = await classActivationMap(model, output, classes(0, 0));
    expect(map.shape).to.deep.equal([2, 1, 2]);
    expect(await numbersOf(map)).to.deep.equal([20, 0, 5, 0]);
    // The other class's weights are −20, −20, 20, 20.
    expect(await numbersOf(await classActivationMap(model, output, classes(1, 1)))).to.deep.equal([
      0, 20, 0, 20,
    ]);
  });

  it("asks the gradients where there is more than one layer (Grad-CAM)", async () => {
    const model = colorModel({ head: "mlp" });
    expect(camMethod(model)).to.equal("Grad-CAM");
    const output = await forwardForCam(model, images());
    // The same function, whose gradient by a place is the weight over the number of places, 2.
    const map = await classActivationMap(model, output, classes(0, 1));
    expect(await numbersOf(map)).to.deep.equal([10, 0, 0, 10]);
    // Again, of the same forward pass.
    expect(await numbersOf(await classActivationMap(model, output, classes(1, 0)))).to.deep.equal([
      0, 10, 2.5, 0,
    ]);
  });

  it("needs no parameter that is trained", async () => {
    const model = colorModel({ head: "mlp" }).freeze();
    const output = await forwardForCam(model, images());
    expect(await numbersOf(await classActivationMap(model, output, classes(0, 1)))).to.deep.equal([
      10, 0, 0, 10,
    ]);
  });

  it("leaves the model's mode as it was", async () => {
    const model = colorModel().train();
    await forwardForCam(model, images());
    expect(model.training).to.equal(true);
  });

  it("is of what the classifier reads, where the features are an adapter's beside it", async () => {
    const options = { classes: 3, inputSize: 64, seed: 4 };
    using plain = mobilenet_v2(options);
    using beside = mobilenet_v2({ ...options, adapter: { channelsPerClass: 2, head: "backbone" } });
    beside.loadStateDict(Object.fromEntries(plain.state().map(({ name, tensor: each }) => [name, each])), {
      strict: false,
    });
    expect([camMethod(plain), camMethod(beside)]).to.deep.equal(["CAM", "CAM"]);
    const pictures = tensor(
      Float32Array.from({ length: 2 * 3 * 64 * 64 }, (_, i) => Math.sin(i / 7)),
      { shape: [2, 3, 64, 64] },
    );
    const maps = await Promise.all(
      [plain, beside].map(async (model) => {
        const output = await forwardForCam(model, pictures);
        return numbersOf(await classActivationMap(model, output, classes(0, 1)));
      }),
    );
    expect(maps[0]!.some((value) => value > 0)).to.equal(true);
    expect(maps[1]).to.deep.equal(maps[0]);
  });

  it("is empty for a ViT, whose classifier reads no place, with an adapter beside it or without", async () => {
    for (const adapter of [undefined, { channelsPerClass: 2, head: "backbone" }] as const) {
      using model = vit_b_16({ classes: 3, inputSize: 32, ...(adapter && { adapter }) });
      const pictures = tensor(new Float32Array(3 * 32 * 32).fill(0.5), { shape: [1, 3, 32, 32] });
      const output = await forwardForCam(model, pictures);
      const map = await classActivationMap(model, output, classes(1));
      expect(map.shape).to.deep.equal([1, 2, 2]);
      expect(await numbersOf(map)).to.deep.equal([0, 0, 0, 0]);
    }
  });

  it("is CAM for a linear head alone", () => {
    expect(camMethod(resnet50({ classes: 3, head: "linear" }))).to.equal("CAM");
    expect(camMethod(resnet50({ classes: 3 }))).to.equal("Grad-CAM");
    expect(camMethod(smallResNet({ classes: 3 }))).to.equal("Grad-CAM");
    expect(camMethod(vgg16({ classes: 3 }))).to.equal("Grad-CAM");
  });
});
