import { expect } from "chai";
import { manualSeed, noGrad, smallResNet, tensor, tidy, type Tensor } from "mutual-channel-loss";
import { checkpoint, customFunction, dropout, grad, inferenceMode, ops } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { runModule } from "../support/child.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { values } from "../support/values.js";

const leaf = (...elements: number[]) => tensor(Float64Array.from(elements), { requiresGrad: true });

/** A stretch of a network, with weights that it takes from around it. */
const stretch = (weights: Tensor) => (x: Tensor) => x.mul(weights).sin().mul(x).exp();

describe("checkpoint()", () => {
  it("gives the same values and gradients, of its inputs and of what it takes from around it", async () => {
    const run = async (wrapped: boolean) => {
      const [x, weights] = [leaf(0.1, 0.2, 0.3), leaf(1, 2, 3)];
      const fn = stretch(weights);
      const hidden = x.mul(2);
      const y = wrapped ? checkpoint(fn, hidden) : fn(hidden);
      await y.mul(y).sum().backward();
      return { y: await values(y), x: await values(x.grad), weights: await values(weights.grad) };
    };
    expect(await run(true)).to.deep.equal(await run(false));
  });

  it("runs its function again only when backward comes, once for each backward", async () => {
    let runs = 0;
    const x = leaf(1, 2);
    const y = checkpoint((input: Tensor) => {
      runs += 1;
      return input.exp().sin();
    }, x).sum();
    expect(runs).to.equal(1);
    await y.backward({ retainGraph: true });
    expect(runs).to.equal(2);
    await y.backward();
    expect(runs).to.equal(3);
    const [first] = await values(x.grad);
    expect(first).to.be.closeTo(2 * Math.cos(Math.E) * Math.E, 1e-12);
  });

  it("repeats dropout, and leaves the generator where it was", async () => {
    const run = async (wrapped: boolean) => {
      manualSeed(7);
      const x = leaf(...Array.from({ length: 64 }, (_, i) => i / 64));
      const fn = (input: Tensor) => dropout(input.exp(), 0.5).sin();
      const y = wrapped ? checkpoint(fn, x) : fn(x);
      dropout(x, 0.5); // others draw between
      await y.sum().backward();
      return [await values(x.grad), await values(dropout(x.exp(), 0.5))];
    };
    expect(await run(true)).to.deep.equal(await run(false));
  });

  it("serves grad() and second derivatives", async () => {
    const run = async (wrapped: boolean) => {
      const x = leaf(0.3, 0.6);
      const fn = (input: Tensor) => input.sin().exp();
      const y = wrapped ? checkpoint(fn, x) : fn(x);
      const [first] = await grad(y.sum(), [x], { createGraph: true });
      const [second] = await grad(first!.sum(), [x]);
      return [await values(first), await values(second)];
    };
    expect(await run(true)).to.deep.equal(await run(false));
  });

  it("nests", async () => {
    const run = async (wrapped: boolean) => {
      const x = leaf(0.3, 0.6);
      const inner = (input: Tensor) => input.sin().exp();
      const outer = (input: Tensor) =>
        (wrapped ? checkpoint(inner, input.cos()) : inner(input.cos())).mul(input);
      const y = wrapped ? checkpoint(outer, x) : outer(x);
      await y.sum().backward();
      return values(x.grad);
    };
    expect(await run(true)).to.deep.equal(await run(false));
  });

  it("takes custom functions, whose saved tensors are computed again too", async () => {
    let forwards = 0;
    const exponential = customFunction({
      forward(context, x: Tensor) {
        forwards += 1;
        const y = x.exp();
        context.saveForBackward(x, y);
        return y;
      },
      backward: ({ savedTensors: [x, y] }, gradient) => gradient.mul(y!).add(x!.mul(0)),
    });
    const x = leaf(0.5, 1);
    await checkpoint((input: Tensor) => exponential(input.mul(2)).sin(), x)
      .sum()
      .backward();
    const expected = [0.5, 1].map((each) => 2 * Math.cos(Math.exp(2 * each)) * Math.exp(2 * each));
    (await values(x.grad)).forEach((each, i) => expect(each).to.be.closeTo(expected[i]!, 1e-12));
    expect(forwards).to.equal(2);
  });

  it("takes async functions that run models, whose recomputation the waiting thread does", async () => {
    const run = async (wrapped: boolean) => {
      using model = smallResNet({ classes: 2 }).eval();
      manualSeed(1);
      const images = tensor(
        Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, i) => Math.sin(i)),
        { shape: [2, 3, 32, 32], requiresGrad: true },
      );
      const fn = async (input: Tensor) => (await model.forward(input)).logits;
      const logits = await (wrapped ? checkpoint(fn, images) : fn(images));
      await logits.mul(logits).sum().backward();
      return [
        await values(images.grad),
        ...(await Promise.all(model.parameters().map((p) => values(p.grad)))),
      ];
    };
    expect(await run(true)).to.deep.equal(await run(false));
  });

  it("keeps its inputs for itself: they may be disposed, and a tidy() around forward does not matter", async () => {
    const x = leaf(1, 2);
    const y = tidy(() => {
      const hidden = x.mul(2);
      const result = checkpoint((input: Tensor, factor: number) => input.exp().mul(factor), hidden, 3);
      hidden.dispose();
      return result;
    });
    await y.sum().backward();
    const [first] = await values(x.grad);
    expect(first).to.be.closeTo(6 * Math.exp(2), 1e-10);
  });

  it("is the function alone where nothing is recorded", () => {
    let runs = 0;
    const fn = (x: Tensor) => {
      runs += 1;
      return x.exp();
    };
    expect(noGrad(() => checkpoint(fn, leaf(0))).requiresGrad).to.equal(false);
    expect(inferenceMode(() => checkpoint(fn, leaf(0))).item()).to.equal(1);
    expect(runs).to.equal(2);
  });

  it("rejects backward where the function does other operations the second time, or fails", async () => {
    let round = 0;
    const changing = checkpoint((x: Tensor) => {
      round += 1;
      return round === 1 ? x.exp() : x.exp().sin();
    }, leaf(1));
    expect((await rejected(changing.sum().backward())).message).to.match(
      /first forward saved 1 tensors for backward, the second 2/,
    );
    const cause = new RangeError("the second time");
    const failing = checkpoint((x: Tensor) => {
      if (round === 0) throw cause;
      round = 0;
      return x.exp();
    }, leaf(1));
    expect(
      await failing
        .sum()
        .backward()
        .catch((error: unknown) => error),
    ).to.equal(cause);
  });

  it("notices inputs that were changed in place", async () => {
    const x = leaf(1, 2).mul(1);
    const y = checkpoint((input: Tensor) => input.exp().sin(), x);
    ops("aten::mul_.Scalar", x, 2);
    expect((await rejected(y.sum().backward())).message).to.match(
      /input of shape \[2\] was modified in place/,
    );
  });

  it("leaves nothing behind", async () => {
    const before = await settledMemory();
    for (let i = 0; i < 20; i += 1) {
      const x = leaf(1, 2);
      const fn = stretch(x);
      await checkpoint(fn, x).sum().backward();
      checkpoint(fn, x); // never goes back
      x.dispose(); // a variable of this function, which is not collected while it runs
    }
    await expectNoneLeft(before);
  });

  it("takes a fraction of the memory", async () => {
    const peak = async (wrapped: boolean) => {
      const source = `
        import { tensor } from "mutual-channel-loss";
        import { checkpoint } from "mutual-channel-loss/tensor";
        import { readFileSync } from "node:fs";
        const fn = (x) => { for (let i = 0; i < 8; i += 1) { const y = x.sin(); x.dispose(); x = y; } return x; };
        const wrapped = ${wrapped};
        const start = tensor(new Float32Array(2 ** 20), { requiresGrad: true });
        let x = start;
        for (let i = 0; i < 8; i += 1) {
          const input = x.mul(1);
          const next = wrapped ? checkpoint((given) => fn(given.mul(1)), input) : fn(input.mul(1));
          input.dispose();
          if (x !== start) x.dispose();
          x = next;
        }
        await x.sum().backward();
        console.log(/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);`;
      return Number((await runModule(source)).output) / 1024;
    };
    const [plain, checkpointed] = [await peak(false), await peak(true)];
    // 64 saved tensors of 4 MiB, against 8 inputs and one stretch of 8.
    expect(plain - checkpointed).to.be.above(120);
  });
});
