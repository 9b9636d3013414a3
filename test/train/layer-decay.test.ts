import { expect } from "chai";
import { readFileSync } from "node:fs";
import { smallResNet } from "mutual-channel-loss";
import type { ModelSpec } from "mutual-channel-loss/models";
import { maximum, minimum } from "#lib/extremes.js";
import { describeSpec } from "#lib/models/describe-spec.js";
import { layerDepths } from "#lib/models/layer-depths.js";
import { networks } from "#lib/models/networks.js";
import { buildSpec } from "#lib/models/networks/definition.js";
import { buildOptimizer } from "#lib/train/build-optimizer.js";
import { caught } from "../support/errors.js";

interface Reference {
  classes: number;
  /** How many numbers there are at each depth. */
  networks: Record<string, number[]>;
}

const path = new URL("../fixtures/layer-decay/timm.json", import.meta.url);
const timm = JSON.parse(readFileSync(path, "utf8")) as Reference;

const specOf = (name: string, options: object = {}) =>
  buildSpec(networks.get(name), { classes: timm.classes, ...options });

/** What makes these the networks that timm has. */
const AS_TIMM: Record<string, object> = {
  resnet50: { head: "linear" },
  resnext50_32x4d: { head: "linear" },
  vgg16: { batchNorm: false },
};
/** Tests of their own say in what they differ. */
const OTHERS = ["densenet121", "mobilenet_v3_large"];

function numbersByDepth(spec: ModelSpec): number[] {
  const { depths, last } = layerDepths(spec);
  const sums = Array.from({ length: last + 1 }, () => 0);
  const tensors = describeSpec(spec).layers.flatMap((layer) => layer.tensors);
  for (const { name, shape, trainable } of tensors) {
    const depth = depths.get(name);
    if (trainable) sums[depth ?? NaN]! += shape.reduce((product, size) => product * size, 1);
  }
  return sums;
}

describe("layer-wise decay", () => {
  for (const name of Object.keys(timm.networks).filter((one) => !OTHERS.includes(one))) {
    it(`divides ${name} as timm does`, () => {
      expect(numbersByDepth(specOf(name, AS_TIMM[name]))).to.deep.equal(timm.networks[name]);
    });
  }

  it("takes the last convolution of a MobileNetV3 with the block before it, where timm counts it as one more", () => {
    const theirs = timm.networks["mobilenet_v3_large"]!;
    const [block = 0, convolution = 0, head = 0] = theirs.slice(-3);
    const expected = [...theirs.slice(0, -3), block + convolution, head];
    expect(numbersByDepth(specOf("mobilenet_v3_large"))).to.deep.equal(expected);
  });

  it("takes a DenseNet's transitions with the block after them, and timm with the one before", () => {
    const own = numbersByDepth(specOf("densenet121"));
    const theirs = timm.networks["densenet121"]!;
    expect(own).to.have.length(theirs.length);
    const moved = own.map((numbers, depth) => numbers - theirs[depth]!).filter((change) => change !== 0);
    // Three transitions of 128, 256 and 512 channels (a normalisation and a 1×1 convolution), and the last normalisation.
    const transitions = [256, 512, 1024].map((channels) => 2 * channels + (channels * channels) / 2);
    expect(moved).to.deep.equal([...transitions.flatMap((size) => [-size, size]), 2048, -2048]);
  });

  it("knows every network of the registry: the head is the deepest, and an adapter is of the head", () => {
    for (const name of networks.names) {
      for (const options of [{}, { adapter: { channelsPerClass: 2 } }]) {
        const spec = specOf(name, options);
        const { depths, last } = layerDepths(spec);
        const names = [...depths.keys()];
        expect(depths.get(names[0]!), name).to.equal(0);
        expect(depths.get(names.at(-1)!), name).to.equal(last);
        expect(new Set(depths.values()).size, name).to.equal(last + 1);
        for (const tensor of names.filter((one) => one.includes("adapter."))) {
          expect(depths.get(tensor), `${name} ${tensor}`).to.equal(last);
        }
      }
    }
  });

  it("gives each layer its part of the rate, of the groups' rates too, the head first", () => {
    using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    const { last } = layerDepths(model.spec);
    using optimizer = buildOptimizer(model, { type: "adamw", learningRate: 0.01, layerDecay: 0.5 });
    const rates = optimizer.learningRates;
    expect(rates[0]).to.equal(0.01);
    expect(minimum(rates)).to.be.closeTo(0.01 * 0.5 ** last, 1e-15);
    expect([...rates].sort((a, b) => b - a)).to.deep.equal(rates);
    using grouped = buildOptimizer(model, {
      type: "adamw",
      learningRate: 0.01,
      layerDecay: 0.5,
      groups: [{ pattern: "classifier", learningRate: 0.1 }],
    });
    expect(grouped.learningRates[0]).to.equal(0.1);
    expect(maximum(grouped.learningRates.slice(2))).to.be.below(0.01);
    using plain = buildOptimizer(model, { type: "adamw", learningRate: 0.01, layerDecay: 1 });
    expect(new Set(plain.learningRates)).to.deep.equal(new Set([0.01]));
  });

  it("is refused above 1, and for a network whose layers are not known", () => {
    using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    const make = () => buildOptimizer(model, { type: "sgd", learningRate: 0.1, layerDecay: 1.5 });
    expect(caught(make)).to.include({ code: "ERR_ARGUMENT" });
  });
});
