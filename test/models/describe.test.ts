import { expect } from "chai";
import { inspect } from "node:util";
import { resnet18, resnet50, smallResNet } from "mutual-channel-loss";
import { describe as describeModel, parseModelSpec, type LayerSpec } from "mutual-channel-loss/models";
import { caught } from "../support/errors.js";

describe("describe", () => {
  it("infers shapes and MACs for another input, which grow with its area", () => {
    const { spec } = resnet50({ classes: 200 });
    const half = describeModel(spec, [3, 224, 224]);
    const whole = describeModel(spec, [3, 448, 448]);
    expect(half.features).to.deep.equal([2048, 7, 7]);
    expect(whole.features).to.deep.equal([2048, 14, 14]);
    expect(whole.parameters).to.equal(half.parameters);
    expect(whole.macs / half.macs).to.be.closeTo(4, 0.01);
  });

  it("prints a table, parents before the layers inside them", () => {
    const description = describeModel(resnet18({ classes: 1000 }).spec, [3, 448, 448]);
    const rows = description
      .toString()
      .split("\n")
      .map((row) => row.trim().split(/ {2,}/));
    expect(rows.slice(0, 4)).to.deep.equal([
      ["layer", "type", "output", "parameters", "MACs"],
      ["(input)", "[3, 448, 448]"],
      ["conv1", "conv2d", "[64, 224, 224]", "9,408", "472,055,808"],
      ["bn1", "batchNorm2d", "[64, 224, 224]", "128"],
    ]);
    expect(rows.slice(6, 9).map(([name]) => name)).to.deep.equal(["layer1", "0", "conv1"]);
    expect(rows.at(-1)).to.deep.equal(["(total)", "11,689,512", "7,254,757,376"]);
    expect(inspect(description)).to.equal(description.toString());
  });

  it("describes a model as its spec", () => {
    using model = smallResNet({ classes: 3 });
    expect(describeModel(model).toString()).to.equal(describeModel(model.spec).toString());
  });

  it("names an input or a layer that does not fit", () => {
    const { spec } = smallResNet({ classes: 3 });
    expect(caught(() => describeModel(spec, [64, 64])).message).to.match(
      /^input must be \[C, H, W\], got \[64, 64\]/,
    );
    expect(caught(() => describeModel(spec, [1, 64, 64])).message).to.match(
      /^conv1 needs an image of 3 channels/,
    );
    const refused = (layer: LayerSpec) =>
      caught(() => parseModelSpec({ ...spec, layers: [layer, ...spec.layers] })).message;
    const conv = { type: "conv2d", name: "c", inChannels: 3, outChannels: 3, kernelSize: 3 } as const;
    expect(refused({ ...conv, padding: "same", stride: 2 })).to.match(
      /^c\.padding can be "same" with a stride of 1/,
    );
    expect(refused({ type: "maxPool2d", name: "p", kernelSize: 2, padding: 2 })).to.match(
      /^p\.padding must be at most half of the kernel/,
    );
    expect(refused({ type: "prelu", name: "a", numParameters: 2 })).to.match(/^a has slopes for 2 channels/);
    const strided: LayerSpec = { ...conv, stride: 2 };
    expect(refused({ type: "denseConnection", name: "d", layers: [strided] })).to.match(
      /^d puts images of 64×64 beside one, got \[3, 31, 31\]/,
    );
  });
});
