import { expect } from "chai";
import { grad, ops, tensor, type Tensor } from "mutual-channel-loss";
import { rejected } from "../support/errors.js";

async function values(x: Tensor | null): Promise<number[]> {
  return [...(await x!.data())].map(Number);
}

describe("grad()", () => {
  const leaf = () => tensor(Float64Array.of(1, -2, 3), { requiresGrad: true });

  it("differentiates by any tensor of the graph, and accumulates nothing", async () => {
    const x = leaf();
    const square = x.mul(x);
    const [byX, bySquare] = await grad(square.sum(), [x, square], { retainGraph: true });
    expect(await values(byX!)).to.deep.equal([2, -4, 6]);
    expect(await values(bySquare!)).to.deep.equal([1, 1, 1]);
    expect(x.grad).to.equal(null);
  });

  it("takes gradients from above, of several outputs", async () => {
    const x = leaf();
    const upstream = tensor(Float64Array.of(1, 10, 100));
    const [gradient] = await grad([x.mul(2), x.sum()], [x], { gradients: [upstream, null] });
    expect(await values(gradient!)).to.deep.equal([3, 21, 201]);
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
    expect(await values(second!)).to.deep.equal([6, -12, 18]);
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
    expect((await values(second!)).every(Number.isFinite)).to.equal(true);
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
