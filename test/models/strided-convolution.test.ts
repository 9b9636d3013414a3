import { expect } from "chai";
import { runModule } from "../support/child.js";
import { maximum } from "#lib/extremes.js";

/** Prints how far features and gradients are from those of float64, which oneDNN does not compute. */
const DIFFERENCES = `
  import { Model, tensor } from "mutual-channel-loss";
  import { ops } from "mutual-channel-loss/tensor";

  const input = { channels: 3, height: 16, width: 16 };
  const values = Float32Array.from({ length: 7 * 3 * 16 * 16 }, (_, i) => Math.sin(i));

  async function errors(channels, options, stride) {
    const layers = [
      { type: "conv2d", name: "first", inChannels: 3, outChannels: channels, kernelSize: 3, padding: 1 },
      { type: "conv2d", name: "tested", inChannels: channels, outChannels: 8, kernelSize: 1, ...options },
      { type: "adaptiveAvgPool2d", outputSize: 1 },
      { type: "flatten" },
    ];
    const model = new Model({ format: 1, name: "two", input, classes: 8, groups: [], layers, features: "tested" });
    const x = tensor(values, { shape: [7, 3, 16, 16], requiresGrad: true });
    const leaves = [x, ...model.parameters()];
    const { features } = await model.forward(x);
    await features.square().sum().backward();

    const exact = leaves.map((leaf) => leaf.detach().to("float64").withGrad());
    const first = ops("aten::conv2d", exact[0], exact[1], exact[2], 1, 1);
    const expected = ops("aten::conv2d", first, exact[3], exact[4], stride);
    await expected.square().sum().backward();
    const pairs = [[features, expected], ...leaves.map((leaf, i) => [leaf.grad, exact[i].grad])];
    return pairs.map(([a, b]) => a.detach().to("float64").sub(b).abs().max().item() / b.abs().max().item());
  }

  const all = [];
  for (const channels of [2, 8, 15, 16]) {
    all.push(await errors(channels, { stride: 2 }, 2));
    all.push(await errors(channels, { stride: [2, 1], padding: "valid" }, [2, 1]));
  }
  console.log(JSON.stringify(all));
`;

describe("a strided 1×1 convolution of few channels", () => {
  // oneDNN's own ends the process.
  it("is right (1e-5) with an odd batch on two threads", async () => {
    const child = await runModule(DIFFERENCES, { env: { OMP_NUM_THREADS: "2" } });
    expect(child).to.include({ code: 0, signal: null, errors: "" });
    const errors = (JSON.parse(child.output) as number[][]).flat();
    expect(errors).to.have.length(8 * 6);
    expect(maximum(errors)).to.be.below(1e-5);
  });
});
