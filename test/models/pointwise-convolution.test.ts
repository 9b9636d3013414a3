import { expect } from "chai";
import { Model, tensor, type ModelSpec, type Tensor } from "mutual-channel-loss";
import { grad } from "mutual-channel-loss/tensor";
import { maximum } from "#lib/extremes.js";
import { values } from "../support/values.js";

/** As many weights as it takes for their gradient to be a product. */
const CHANNELS = 256;
const SIDE = 6;

function specOf(stride: number): ModelSpec {
  return {
    format: 1,
    name: "pointwise",
    input: { channels: CHANNELS, height: SIDE, width: SIDE },
    classes: CHANNELS,
    groups: [],
    layers: [
      {
        type: "conv2d",
        name: "features",
        inChannels: CHANNELS,
        outChannels: CHANNELS,
        kernelSize: 1,
        stride,
        bias: false,
      },
      { type: "adaptiveAvgPool2d", outputSize: 1 },
      { type: "flatten" },
    ],
    features: "features",
  };
}

const waves = (shape: number[]) => {
  const count = shape.reduce((product, side) => product * side, 1);
  return tensor(
    Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1))),
    { shape },
  );
};

describe("a 1×1 convolution in bfloat16", () => {
  for (const stride of [1, 2]) {
    it(`has the gradients of float32 (2 % of the largest), stride ${stride}`, async () => {
      const model = new Model(specOf(stride), { seed: 1 });
      const run = async (precision: "float32" | "bfloat16", createGraph = false) => {
        // In channels_last, as the layers before would give them.
        const images = waves([3, SIDE, SIDE, CHANNELS]).withGrad();
        const { features } = await model.forward(images.permute([0, 3, 1, 2]), { training: true, precision });
        const weights = waves([...features.shape]);
        const loss = features.to("float32").mul(weights).sum();
        return grad(loss, [images, ...model.parameters()], { createGraph });
      };
      const exact = (await run("float32")) as Tensor[];
      for (const found of [await run("bfloat16"), await run("bfloat16", true)]) {
        for (const [i, each] of exact.entries()) {
          expect(found[i]!.dtype).to.equal("float32");
          const off = maximum(await values(found[i]!.detach().sub(each).abs()));
          expect(off / maximum(await values(each.abs()))).to.be.within(1e-5, 2e-2);
        }
      }
    });
  }
});
