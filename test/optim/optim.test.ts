import { expect } from "chai";
import { SGD, tensor } from "mutual-channel-loss";
import { learningRateFactor, type SgdOptions } from "mutual-channel-loss/train";
import { caught } from "../support/errors.js";

/** torch.optim.SGD in float64, on the gradient 2·p of the sum of squares. */
function reference(start: number[], options: Required<SgdOptions>, steps: number): number[] {
  const parameters = [...start];
  const buffers = start.map(() => 0);
  for (let step = 0; step < steps; step += 1) {
    parameters.forEach((value, i) => {
      const gradient = 2 * value + options.weightDecay * value;
      buffers[i] = options.momentum * buffers[i]! + gradient;
      const update = options.nesterov ? gradient + options.momentum * buffers[i] : buffers[i];
      parameters[i] = value - options.learningRate * (options.momentum > 0 ? update : gradient);
    });
  }
  return parameters;
}

describe("SGD", () => {
  const cases: Required<SgdOptions>[] = [
    { learningRate: 0.1, momentum: 0, weightDecay: 0, nesterov: false },
    { learningRate: 0.05, momentum: 0.9, weightDecay: 0, nesterov: false },
    { learningRate: 0.05, momentum: 0.9, weightDecay: 0.01, nesterov: true },
  ];
  for (const options of cases) {
    it(`follows PyTorch's formula over 20 steps with ${JSON.stringify(options)}`, async () => {
      const start = [1, -2, 0.5];
      const parameter = tensor(Float64Array.from(start), { requiresGrad: true });
      const optimizer = new SGD([{ parameters: [parameter] }], options);
      for (let step = 0; step < 20; step += 1) {
        await optimizer.zeroGrad();
        await parameter.mul(parameter).sum().backward();
        await optimizer.step();
      }
      const actual = await parameter.data();
      reference(start, options, 20).forEach((value, i) =>
        expect(Number(actual[i])).to.be.closeTo(value, 1e-12),
      );
    });
  }

  it("gives each group its own options and leaves parameters without gradient alone", async () => {
    const [a, b, c] = [1, 1, 1].map((value) => tensor([value], { requiresGrad: true }));
    const optimizer = new SGD(
      [{ parameters: [a!] }, { parameters: [b!], learningRate: 0.5 }, { parameters: [c!] }],
      { learningRate: 0.1 },
    );
    await a!.add(b!).sum().backward();
    await optimizer.step();
    expect([a!, b!, c!].map((x) => x.item())).to.deep.equal([Math.fround(0.9), 0.5, 1]);
  });

  it("names the group and the option that is wrong", () => {
    const parameters = [tensor([1], { requiresGrad: true })];
    expect(caught(() => new SGD([{ parameters: [] }], { learningRate: 1 })).argument).to.equal(
      "groups[0].parameters",
    );
    const bare = caught(() => new SGD(parameters as never, { learningRate: 1 }));
    expect(bare.message).to.match(/groups\[0\]\.parameters must be tensors: \[\{ parameters/);
    const nesterov = { learningRate: 1, nesterov: true };
    expect(caught(() => new SGD([{ parameters }], nesterov)).argument).to.equal("groups[0].nesterov");
    expect(caught(() => new SGD([{ parameters }], { learningRate: NaN })).argument).to.equal(
      "groups[0].learningRate",
    );
  });
});

describe("learningRateFactor", () => {
  it("holds a cosine's rate for each epoch: the authors' rates for ResNet50, of which theirs has the first last", () => {
    const schedule = { type: "cosine", perEpoch: true } as const;
    const at = (epoch: number) => learningRateFactor(schedule, { epoch, epochs: 300 });
    const ours = Array.from({ length: 300 }, (_, epoch) => at(epoch));
    const theirs = ours.map((_, i) => (1 + Math.cos((Math.PI * ((i + 1) % 300)) / 300)) / 2);
    expect([ours.at(0), theirs.at(-1)]).to.deep.equal([1, 1]);
    theirs.slice(0, -1).forEach((rate, i) => expect(ours[i + 1]).to.be.closeTo(rate, 1e-12));
    expect(at(41.99)).to.equal(at(41));
    expect(learningRateFactor({ type: "cosine" }, { epoch: 41.99, epochs: 300 })).to.be.below(at(41));
  });

  it("warms up linearly and falls as half a cosine", () => {
    const factor = (epoch: number) =>
      learningRateFactor({ type: "cosine", warmupEpochs: 2 }, { epoch, epochs: 12 });
    expect([0, 1, 2, 7, 12].map(factor).map((value) => Number(value.toFixed(12)))).to.deep.equal([
      0, 0.5, 1, 0.5, 0,
    ]);
  });

  it("is multiplied by gamma at each milestone", () => {
    const factor = (epoch: number) =>
      learningRateFactor({ type: "multiStep", milestones: [150, 225] }, { epoch, epochs: 300 });
    expect([0, 149.9, 150, 225].map((epoch) => factor(epoch).toFixed(4))).to.deep.equal([
      "1.0000",
      "1.0000",
      "0.1000",
      "0.0100",
    ]);
  });

  it("falls as a power of what is left after the warm-up", () => {
    const factor = (epoch: number) =>
      learningRateFactor({ type: "polynomial", power: 2, warmupEpochs: 2 }, { epoch, epochs: 12 });
    expect([0, 1, 2, 7, 12].map(factor)).to.deep.equal([0, 0.5, 1, 0.25, 0]);
  });

  it("stays constant otherwise", () => {
    expect(learningRateFactor({ type: "constant" }, { epoch: 3, epochs: 10 })).to.equal(1);
  });
});
