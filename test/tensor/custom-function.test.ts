import { expect } from "chai";
import { noGrad, tensor, Tensor } from "mutual-channel-loss";
import {
  customFunction,
  detectAnomaly,
  enableGrad,
  grad,
  inferenceMode,
  ops,
} from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { gradientError } from "../support/gradcheck.js";
import { expectNoneLeft, settledMemory } from "../support/memory.js";
import { values } from "../support/values.js";

const leaf = (...elements: number[]) => tensor(Float64Array.from(elements), { requiresGrad: true });

const cube = customFunction({
  name: "cube",
  forward(context, x: Tensor) {
    context.saveForBackward(x);
    return x.pow(3);
  },
  backward: ({ savedTensors: [x] }, gradient) => gradient.mul(x!.pow(2)).mul(3),
});

/** exp(), which saves its output. */
const exponential = customFunction({
  forward(context, x: Tensor) {
    const y = x.exp();
    context.saveForBackward(y);
    return y;
  },
  backward: ({ savedTensors: [y] }, gradient) => gradient.mul(y!),
});

const product = customFunction({
  name: "product",
  forward(context, a: Tensor, b: Tensor, factor: number) {
    context.saveForBackward(a, b);
    context.savedData["factor"] = factor;
    return a.mul(b).mul(factor);
  },
  backward({ savedTensors: [a, b], savedData, needsInputGrad }, gradient) {
    const scaled = gradient.mul(savedData["factor"] as number);
    return [needsInputGrad[0] ? scaled.mul(b!) : null, needsInputGrad[1] ? scaled.mul(a!) : null, null];
  },
});

describe("customFunction()", () => {
  const at = [0.5, -1.2, 2];

  it("has the derivatives that its backward computes", async () => {
    expect(await gradientError((x) => cube(x), at)).to.be.below(1e-8);
    expect(await gradientError((x) => exponential(x), at)).to.be.below(1e-8);
    expect(await gradientError((x) => product(x.sin(), x.mul(x), 3), at)).to.be.below(1e-8);
    expect(await gradientError((x) => cube(exponential(x.mul(0.3))).mul(x), at)).to.be.below(1e-7);
  });

  it("has second derivatives where its backward is differentiable", async () => {
    const x = leaf(...at);
    for (const [fn, expected] of [
      [cube, at.map((each) => 6 * each)],
      [exponential, at.map(Math.exp)],
    ] as const) {
      const [first] = await grad(fn(x).sum(), [x], { createGraph: true });
      const [second] = await grad(first!.sum(), [x]);
      const found = await values(second);
      found.forEach((each, i) => expect(each).to.be.closeTo(expected[i]!, 1e-12));
    }
  });

  it("says so where second derivatives are asked for of a backward that cannot give them", async () => {
    const opaque = customFunction({
      forward: (_, x: Tensor) => x.mul(2),
      backward: (_, gradient) => noGrad(() => gradient.mul(2)),
    });
    const x = leaf(1);
    const [first] = await grad(opaque(x).sum(), [x], { createGraph: true });
    expect((await rejected(grad(first!.sum(), [x]))).message).to.match(/does not require grad/);
  });

  it("does not record its forward, and records its backward only with createGraph", async () => {
    const seen: boolean[] = [];
    const watched = customFunction({
      forward(context, x: Tensor) {
        context.saveForBackward(x);
        const y = x.mul(2);
        seen.push(y.requiresGrad);
        return y;
      },
      backward({ savedTensors: [x] }, gradient) {
        seen.push(x!.mul(1).requiresGrad);
        return gradient.mul(2);
      },
    });
    const x = leaf(1);
    const y = watched(x).sum();
    expect(y.requiresGrad).to.equal(true);
    await grad(y, [x], { retainGraph: true });
    await grad(y, [x], { createGraph: true });
    expect(seen).to.deep.equal([false, false, true]);
  });

  it("tells which inputs need a gradient", async () => {
    const needed: (readonly boolean[])[] = [];
    const pair = customFunction({
      forward(context, a: Tensor, b: Tensor, c: Tensor) {
        needed.push(context.needsInputGrad);
        return a.add(b).add(c);
      },
      backward(context, gradient) {
        needed.push(context.needsInputGrad);
        return [gradient, null, gradient];
      },
    });
    const [a, b, c] = [leaf(1), tensor(Float64Array.of(1)), leaf(1)];
    await grad(pair(a, b, c).sum(), [a]);
    expect(needed).to.deep.equal([
      [true, false, true],
      [true, false, false],
    ]);
  });

  it("has several outputs, some without a gradient, and zeros for those not used", async () => {
    const sorted = customFunction({
      forward(context, x: Tensor) {
        const { values: ordered, indices } = x.sort();
        context.saveForBackward(indices);
        const copy = x.clone();
        context.markNonDifferentiable(copy);
        return [ordered, indices, x.mul(5), copy] as const;
      },
      backward({ savedTensors: [indices] }, ordered, ofIndices, unused, ofCopy) {
        expect([ofIndices.dtype, unused.sum().item(), ofCopy.sum().item()]).to.deep.equal(["int64", 0, 0]);
        return ordered.gather(0, indices!.argsort());
      },
    });
    const x = leaf(3, 1, 2);
    const [ordered, indices, scaled, copy] = sorted(x);
    expect([ordered, indices, scaled, copy].map((each) => each.requiresGrad)).to.deep.equal([
      true,
      false,
      true,
      false,
    ]);
    await ordered
      .mul(tensor(Float64Array.of(1, 10, 100)))
      .sum()
      .backward();
    expect(await values(x.grad)).to.deep.equal([100, 1, 10]);
  });

  it("passes an input through, or a view of it, without touching the input", async () => {
    const reversed = customFunction({
      forward: (_, x: Tensor) => [x, x.reshape([1, -1])] as const,
      backward: (_, same, row) => same.add(row.reshape([-1])).neg(),
    });
    const x = leaf(1, 2);
    const [same, row] = reversed(x);
    expect(same).not.to.equal(x);
    await same.sum().add(row.sum()).backward();
    expect(await values(x.grad)).to.deep.equal([-2, -2]);
  });

  it("may be async in both directions, and call what runs on the executor", async () => {
    const inner = leaf(5);
    const remote = customFunction({
      async forward(context, x: Tensor) {
        context.saveForBackward(x);
        const data = await x.data();
        return tensor(Float64Array.from(data as Float64Array, (each) => each ** 2));
      },
      async backward({ savedTensors: [x] }, gradient) {
        await enableGrad(() => inner.mul(inner).sum().backward());
        const [twice] = await values(x!.mul(2));
        return gradient.mul(twice!);
      },
    });
    const x = leaf(3);
    const y = await remote(x);
    await y.sum().backward();
    expect(await values(x.grad)).to.deep.equal([6]);
    expect(await values(inner.grad)).to.deep.equal([10]);
  });

  it("is nothing special where nothing is recorded", () => {
    const x = leaf(2);
    expect(noGrad(() => cube(x)).requiresGrad).to.equal(false);
    expect(inferenceMode(() => cube(x)).item()).to.equal(8);
    expect(cube(tensor([2])).requiresGrad).to.equal(false);
  });

  it("rejects with what backward throws, and names gradients that are too few or of the wrong shape", async () => {
    const failing = (backward: () => Tensor | (Tensor | null)[]) =>
      customFunction({ name: "failing", forward: (_, a: Tensor, b: Tensor) => a.add(b), backward });
    const run = (backward: () => Tensor | (Tensor | null)[]) =>
      failing(backward)(leaf(1, 2), leaf(1, 2)).sum().backward();
    const cause = new TypeError("my own");
    expect(
      await run(() => {
        throw cause;
      }).catch((error: unknown) => error),
    ).to.equal(cause);
    const few = await rejected(run(() => tensor(Float64Array.of(1))));
    expect([few.code, few.argument]).to.deep.equal(["ERR_ARGUMENT", "backward"]);
    expect(few.message).to.match(/failing.*2 inputs, got 1/);
    const shaped = await rejected(run(() => [tensor(new Float64Array(3)), null]));
    expect(shaped.message).to.match(/failingBackward returned an invalid gradient at index 0 - got \[3\]/);
    expect(
      (await rejected(detectAnomaly(() => run(() => [tensor(new Float64Array(3)), null])))).code,
    ).to.equal("ERR_TORCH");
  });

  it("lets what was saved be disposed, but not changed in place", async () => {
    const x = leaf(2);
    const doubled = x.mul(1);
    const y = cube(doubled).sum();
    doubled.dispose();
    await y.backward();
    expect(await values(x.grad)).to.deep.equal([12]);
    const z = x.mul(1);
    const changed = cube(z).sum();
    ops("aten::mul_.Scalar", z, 2);
    expect((await rejected(changed.backward())).message).to.match(/modified by an inplace operation/);
  });

  it("goes through its graph again only where it was retained", async () => {
    const y = cube(leaf(2)).sum();
    await y.backward();
    expect((await rejected(y.backward())).message).to.match(/second time/);
  });

  it("leaves nothing behind", async () => {
    const before = await settledMemory();
    for (let i = 0; i < 20; i += 1) {
      const x = leaf(...at);
      await exponential(cube(x)).sum().backward();
      x.dispose(); // a variable of this function, which is not collected while it runs
    }
    await expectNoneLeft(before);
  });
});
