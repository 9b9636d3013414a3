import { expect } from "chai";
import { tensor, type Tensor } from "mutual-channel-loss";
import { Generator, ops, randn } from "mutual-channel-loss/tensor";
import { Optimizer } from "mutual-channel-loss/train";
import { optimizers } from "#lib/optim/optimizers.js";

/** A convolution's kernels, in one of two orders in memory. */
function kernels(memory_format: "contiguous" | "channelsLast"): Tensor {
  const drawn = randn([5, 3, 2, 2], { generator: new Generator(0) });
  const ordered = ops("aten::clone", drawn, { memory_format }) as Tensor;
  ops("aten::requires_grad_", ordered, true);
  return ordered;
}

async function train(parameter: Tensor, type: (typeof optimizers.names)[number]): Promise<number[]> {
  using optimizer = new Optimizer([{ parameters: [parameter] }], {
    type,
    learningRate: 0.1,
    weightDecay: 0.01,
  });
  for (let step = 1; step <= 3; step += 1) {
    await optimizer.zeroGrad();
    await parameter.mul(parameter).mul(tensor(step)).sum().backward();
    await optimizer.step();
  }
  return Array.from(await parameter.data(), Number);
}

describe("parameters that lie channels-last", () => {
  for (const type of optimizers.names) {
    it(`are updated as those in channels-first order, bit for bit: ${type}`, async () => {
      const [first, last] = [kernels("contiguous"), kernels("channelsLast")];
      expect(ops("aten::stride.int", last, 1)).to.equal(1);
      const updated = await train(last, type);
      expect(updated).to.deep.equal(await train(first, type));
      expect(updated).to.not.deep.equal(Array.from(await kernels("contiguous").data(), Number));
    });
  }
});
