import { expect } from "chai";
import { tensor, type Tensor } from "mutual-channel-loss";
import { backward, grad, ops } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { values } from "../support/values.js";

const leaf = () => tensor(Float64Array.of(1, -2, 3), { requiresGrad: true });

describe("backward()", () => {
  it("accumulates over calls", async () => {
    const x = leaf();
    await x.mul(2).sum().backward();
    await x.mul(3).sum().backward();
    expect(await values(x.grad)).to.deep.equal([5, 5, 5]);
  });

  it("takes the gradient of an output that is no scalar", async () => {
    const x = leaf();
    await x.mul(x).backward({ gradient: tensor(Float64Array.of(1, 10, 100)) });
    expect(await values(x.grad)).to.deep.equal([2, -40, 600]);
  });

  it("goes through a graph again only where it was retained", async () => {
    const x = leaf();
    const square = x.mul(x).sum();
    await square.backward({ retainGraph: true });
    await square.backward();
    expect(await values(x.grad)).to.deep.equal([4, -8, 12]);
    expect((await rejected(square.backward())).message).to.match(/second time/);
  });

  it("differentiates several outputs at once, each with its gradient", async () => {
    const x = leaf();
    await backward([x.mul(2), x.mul(x).sum()], { gradients: [tensor(Float64Array.of(1, 10, 100)), null] });
    expect(await values(x.grad)).to.deep.equal([4, 16, 206]);
  });

  it("accumulates in chosen inputs alone", async () => {
    const [x, y] = [leaf(), leaf()];
    await backward(x.mul(y).sum(), { inputs: [y] });
    expect(x.grad).to.equal(null);
    expect(await values(y.grad)).to.deep.equal([1, -2, 3]);
  });

  it("records the gradients where second derivatives are asked for", async () => {
    const x = leaf();
    await x.mul(x).mul(x).sum().backward({ createGraph: true });
    const [second] = await grad(x.grad!.sum(), [x]);
    expect(await values(second)).to.deep.equal([6, -12, 18]);
    x.grad = null; // its graph holds x, whose gradient it is
  });

  it("names gradients that are missing or do not fit, with both shapes", async () => {
    const x = leaf();
    const missing = await rejected(x.mul(2).backward());
    expect([missing.code, missing.argument]).to.deep.equal(["ERR_SHAPE", "gradient"]);
    expect(missing.message).to.match(/shape \[3\]/);
    const wrong = await rejected(backward([x.mul(2)], { gradients: [tensor([1, 2])] }));
    expect([wrong.code, wrong.argument]).to.deep.equal(["ERR_SHAPE", "gradients[0]"]);
    expect(wrong.message).to.match(/shape \[3\], got \[2\]/);
    expect((await rejected(backward([]))).argument).to.equal("outputs");
    expect((await rejected(backward(x.sum(), { inputs: [] }))).argument).to.equal("inputs");
  });
});

describe("grad()", () => {
  it("differentiates by any tensor of the graph, and accumulates nothing", async () => {
    const x = leaf();
    const square = x.mul(x);
    const [byX, bySquare] = await grad(square.sum(), [x, square], { retainGraph: true });
    expect(await values(byX)).to.deep.equal([2, -4, 6]);
    expect(await values(bySquare)).to.deep.equal([1, 1, 1]);
    expect(x.grad).to.equal(null);
  });

  it("takes gradients from above, of several outputs", async () => {
    const x = leaf();
    const upstream = tensor(Float64Array.of(1, 10, 100));
    const [gradient] = await grad([x.mul(2), x.sum()], [x], { gradients: [upstream, null] });
    expect(await values(gradient)).to.deep.equal([3, 21, 201]);
  });

  it("gives null for an input that has no part", async () => {
    const [x, other] = [leaf(), leaf()];
    expect((await grad(x.sum(), [x, other])).map((gradient) => gradient === null)).to.deep.equal([
      false,
      true,
    ]);
  });

  it("gives second derivatives where the graph of the gradient is asked for", async () => {
    const x = leaf();
    const cube = x.mul(x).mul(x).sum();
    const [first] = await grad(cube, [x], { createGraph: true });
    const [second] = await grad(first!.sum(), [x]);
    expect(await values(second)).to.deep.equal([6, -12, 18]);
  });

  it("gives the loss's second derivatives in its reference form, and refuses them in the fused one", async () => {
    const features = () =>
      tensor(
        Float64Array.from({ length: 16 }, (_, i) => Math.sin(3 * i)),
        { shape: [1, 4, 2, 2], requiresGrad: true },
      );
    const labels = tensor(Int32Array.of(1));
    const mask = tensor(Uint8Array.of(1, 0, 1, 1));
    const loss = (operator: string, x: Tensor) =>
      (ops(operator, x, labels, [2], [2], { mask }) as [Tensor, Tensor, Tensor])[0];
    const x = features();
    const [first] = await grad(loss("mcloss::reference", x), [x], { createGraph: true });
    const [second] = await grad(first!.mul(first!).sum(), [x]);
    expect((await values(second)).every(Number.isFinite)).to.equal(true);
    const fused = features();
    const error = await rejected(grad(loss("mcloss::mc_loss", fused), [fused], { createGraph: true }));
    expect(error.message).to.match(/no second derivatives; mcloss::reference has them/);
  });

  it("names what is wrong with its arguments", async () => {
    const x = leaf();
    expect((await rejected(grad([], [x]))).argument).to.equal("outputs");
    expect((await rejected(grad(x.sum(), []))).argument).to.equal("inputs");
    expect((await rejected(grad(x.sum(), [x], { gradients: [null, null] }))).argument).to.equal("gradients");
    expect((await rejected(grad(x.detach().sum(), [x]))).code).to.equal("ERR_TORCH");
  });
});
