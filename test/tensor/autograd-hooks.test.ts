import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { noGrad, SGD, smallResNet, tensor, type Tensor } from "mutual-channel-loss";
import { grad, zeros } from "mutual-channel-loss/tensor";
import { caught } from "../support/errors.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { values } from "../support/values.js";

const leaf = () => tensor(Float64Array.of(1, -2, 3), { requiresGrad: true });

/** What `promise` rejects with, of whatever type. */
const reason = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("nothing was thrown"),
    (error: unknown) => error,
  );

describe("registerHook()", () => {
  it("gives the gradient of a leaf and of what is computed, before either is used", async () => {
    const x = leaf();
    const y = x.mul(3);
    const seen: Record<string, number[]> = {};
    x.registerHook(async (gradient) => {
      seen["x"] = await values(gradient);
      expect(x.grad).to.equal(null);
    });
    y.registerHook(async (gradient) => {
      seen["y"] = await values(gradient);
    });
    await y.mul(2).sum().backward();
    expect(seen).to.deep.equal({ y: [2, 2, 2], x: [6, 6, 6] });
    expect(await values(x.grad)).to.deep.equal([6, 6, 6]);
  });

  it("calls hooks in their order, each with what the one before made", async () => {
    const x = leaf();
    const order: string[] = [];
    x.registerHook((gradient) => {
      order.push("first");
      return gradient.mul(10);
    });
    x.registerHook(async (gradient) => {
      await nextTask();
      order.push("second");
      return gradient.add(1);
    });
    x.registerHook(() => {
      order.push("third");
    });
    await x.sum().backward();
    expect(order).to.deep.equal(["first", "second", "third"]);
    expect(await values(x.grad)).to.deep.equal([11, 11, 11]);
  });

  it("stops when it is removed, even within a pass and after its tensor was disposed", async () => {
    const x = leaf();
    const y = x.mul(1);
    let calls = 0;
    const count = () => {
      calls += 1;
    };
    const [first, second] = [x.registerHook(count), y.registerHook(count)];
    const once = x.registerHook(() => {
      count();
      once.remove();
    });
    const loss = y.sum();
    await loss.backward({ retainGraph: true });
    expect(calls).to.equal(3);
    first.remove();
    y.dispose();
    second.remove();
    second.remove();
    await loss.backward();
    expect(calls).to.equal(3);
    expect(await values(x.grad)).to.deep.equal([2, 2, 2]);
  });

  it("serves grad() and second derivatives", async () => {
    const x = leaf();
    x.registerHook((gradient) => gradient.mul(x));
    const [first] = await grad(x.mul(x).sum(), [x], { createGraph: true });
    expect(await values(first)).to.deep.equal([2, 8, 18]); // 2x · x
    expect(first!.requiresGrad).to.equal(true);
  });

  it("rejects backward with the very error that a hook throws or rejects with", async () => {
    const thrown = new RangeError("no such gradient");
    const x = leaf();
    const hook = x.registerHook(() => {
      throw thrown;
    });
    expect(await reason(x.sum().backward())).to.equal(thrown);
    hook.remove();
    const second = x.registerHook(() => Promise.reject(thrown));
    expect(await reason(x.sum().backward())).to.equal(thrown);
    second.remove();
    x.registerHook(() => {
      throw "a string"; // eslint-disable-line @typescript-eslint/only-throw-error
    });
    expect(await reason(x.sum().backward())).to.equal("a string");
  });

  it("names a replacement that does not fit, or that is disposed", async () => {
    const x = leaf();
    const hook = x.registerHook(() => tensor(Float64Array.of(1)));
    expect(await reason(x.sum().backward())).to.have.property("code", "ERR_TORCH");
    hook.remove();
    x.registerHook((gradient) => {
      gradient.dispose();
      return gradient;
    });
    expect(await reason(x.sum().backward())).to.have.property("code", "ERR_DISPOSED");
  });

  it("needs a tensor that requires a gradient", () => {
    expect(caught(() => tensor([1]).registerHook(() => undefined)).message).to.match(
      /doesn't require gradient/,
    );
  });

  it("sees the gradients of a model's parameters", async () => {
    using model = smallResNet({ classes: 2 });
    const weight = model.parameters().at(-2);
    const shapes: number[][] = [];
    weight!.registerHook((gradient) => {
      shapes.push(gradient.shape);
    });
    const { logits } = await model.forward(zeros([2, 3, 32, 32]));
    await logits.sum().backward();
    expect(shapes).to.deep.equal([weight!.shape]);
  });

  it("leaves nothing behind once its tensor is gone", async () => {
    const before = await settledMemory();
    for (let i = 0; i < 20; i += 1) {
      const x = leaf();
      x.registerHook((gradient) => gradient.mul(x));
      await x.sum().backward();
      x.dispose();
    }
    await expectNoneLeft(before);
  });
});

describe("registerPostAccumulateGradHook()", () => {
  it("is called after accumulation, and may step and free the gradient", async () => {
    const x = leaf();
    const optimizer = new SGD([{ parameters: [x] }], { learningRate: 0.5 });
    const seen: number[][] = [];
    x.registerPostAccumulateGradHook(async (same: Tensor) => {
      seen.push(await values(same.grad));
      await optimizer.step();
      same.grad = null;
    });
    await x.mul(2).sum().backward();
    expect(seen).to.deep.equal([[2, 2, 2]]);
    expect(x.grad).to.equal(null);
    expect(await values(x)).to.deep.equal([0, -3, 2]);
  });

  it("takes several, can be removed, and needs a leaf", async () => {
    const x = leaf();
    let calls = 0;
    const count = () => {
      calls += 1;
    };
    const hook = x.registerPostAccumulateGradHook(count);
    x.registerPostAccumulateGradHook(count);
    await x.sum().backward();
    expect(calls).to.equal(2);
    hook.remove();
    await x.sum().backward();
    expect(calls).to.equal(3);
    expect(caught(() => x.mul(2).registerPostAccumulateGradHook(count)).code).to.equal("ERR_ARGUMENT");
    expect(caught(() => noGrad(() => x.mul(2)).registerPostAccumulateGradHook(count)).code).to.equal(
      "ERR_ARGUMENT",
    );
  });
});
