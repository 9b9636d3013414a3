import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { noGrad, smallResNet, tensor, type Tensor } from "mutual-channel-loss";
import { enableGrad, inferenceMode, ops, zeros } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";
import { values } from "../support/values.js";

const leaf = () => tensor([1, 2], { requiresGrad: true });
const isInference = (x: Tensor) => ops("aten::is_inference", x) === true;

describe("grad modes", () => {
  it("record by default, not in noGrad(), and again in enableGrad() inside it", () => {
    const x = leaf();
    expect(x.mul(2).requiresGrad).to.equal(true);
    noGrad(() => {
      expect(x.mul(2).requiresGrad).to.equal(false);
      expect(enableGrad(() => x.mul(2).requiresGrad)).to.equal(true);
    });
    expect(x.mul(2).requiresGrad).to.equal(true);
  });

  it("give back the mode when the function throws", () => {
    expect(() =>
      inferenceMode(() => {
        throw new Error("stop");
      }),
    ).to.throw("stop");
    expect(isInference(zeros([1]))).to.equal(false);
  });

  it("follow async functions and do not mix", async () => {
    const x = leaf();
    const observe = async () => {
      const seen: unknown[] = [];
      for (let i = 0; i < 3; i += 1) {
        await nextTask();
        const y = x.mul(2);
        seen.push(`${y.requiresGrad} ${isInference(y)}`);
      }
      return [...new Set(seen)];
    };
    expect(
      await Promise.all([
        observe(),
        inferenceMode(observe),
        noGrad(observe),
        inferenceMode(observe),
        noGrad(() => enableGrad(observe)),
      ]),
    ).to.deep.equal([["true false"], ["false true"], ["false false"], ["false true"], ["true false"]]);
    expect(x.mul(2).requiresGrad).to.equal(true);
  });
});

describe("inferenceMode()", () => {
  it("makes inference tensors, of operators and of data, and stays on inside noGrad() and enableGrad()", () => {
    inferenceMode(() => {
      for (const made of [
        tensor([1]),
        leaf().mul(2),
        noGrad(() => leaf().mul(2)),
        enableGrad(() => leaf().mul(2)),
      ]) {
        expect(isInference(made)).to.equal(true);
      }
    });
    expect(isInference(tensor([1]))).to.equal(false);
  });

  it("runs models on the executor's thread, which records again afterwards", async () => {
    using model = smallResNet({ classes: 2 }).eval();
    const images = zeros([2, 3, 32, 32]);
    const inside = await inferenceMode(() => model.forward(images));
    const outside = await model.forward(images);
    expect([isInference(inside.logits), inside.logits.requiresGrad]).to.deep.equal([true, false]);
    expect([isInference(outside.logits), outside.logits.requiresGrad]).to.deep.equal([false, true]);
  });

  it("lets its tensors be read and computed with outside, but not changed or saved for backward", async () => {
    const frozen = inferenceMode(() => tensor([1, 2]).mul(2));
    expect(await values(frozen.add(1))).to.deep.equal([3, 5]);
    expect(caught(() => ops("aten::add_.Scalar", frozen, 1)).message).to.match(
      /[Ii]nplace update to inference tensor/,
    );
    expect(caught(() => leaf().mul(frozen)).message).to.match(
      /Inference tensors cannot be saved for backward/,
    );
    const copy = frozen.clone();
    await leaf().mul(copy).sum().backward();
    expect((await rejected(frozen.sum().backward())).code).to.equal("ERR_TORCH");
  });
});
