import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { smallResNet, tensor, type Tensor } from "mutual-channel-loss";
import { customFunction, detectAnomaly, grad, ops, zeros } from "mutual-channel-loss/tensor";
import { rejected } from "../support/errors.js";
import { values } from "../support/values.js";

const leaf = (...elements: number[]) => tensor(Float64Array.from(elements), { requiresGrad: true });

/** 0 · sqrt'(0) is NaN. */
function suspect(x: Tensor): Tensor {
  return x.mul(0).sqrt();
}

describe("detectAnomaly()", () => {
  it("names the operator whose backward gave NaN, and where it was called", async () => {
    const error = await rejected(detectAnomaly(() => suspect(leaf(1, 2)).mul(0).sum().backward()));
    expect([error.code, error.op]).to.deep.equal(["ERR_NAN_GRADIENT", "aten::sqrt"]);
    expect(error.message).to.match(/aten::sqrt \(SqrtBackward0\): gradient 0 is NaN/);
    expect((error.cause as Error).stack).to.match(/at suspect .*anomaly\.test/);
  });

  it("serves grad(), async functions and operators made of others", async () => {
    const error = await rejected(
      detectAnomaly(async () => {
        const x = leaf(0);
        await nextTask();
        // float_power computes with pow.
        const power = ops("aten::float_power.Tensor_Scalar", x, 0.5) as Tensor;
        await grad(power.mul(0).sum(), [x]);
      }),
    );
    expect([error.code, error.op]).to.deep.equal(["ERR_NAN_GRADIENT", "aten::float_power.Tensor_Scalar"]);
    expect(error.message).to.match(/PowBackward0/);
  });

  it("tells the node alone where the forward ran outside", async () => {
    const loss = suspect(leaf(1)).mul(0).sum();
    const error = await rejected(detectAnomaly(() => loss.backward()));
    expect([error.code, error.op, error.cause]).to.deep.equal(["ERR_NAN_GRADIENT", undefined, undefined]);
    expect(error.message).to.match(/SqrtBackward0/);
  });

  it("tells the forward of what LibTorch refuses in backward", async () => {
    const error = await rejected(
      detectAnomaly(() => {
        const x = leaf(1).mul(1);
        const loss = x.mul(x).sum();
        ops("aten::mul_.Scalar", x, 2);
        return loss.backward();
      }),
    );
    expect([error.code, error.op]).to.deep.equal(["ERR_TORCH", "aten::mul.Tensor"]);
    expect(error.message).to.match(/inplace operation/);
  });

  it("names custom functions, and what was computed from models", async () => {
    const bad = customFunction({
      name: "bad",
      forward: (_, x: Tensor) => x.mul(1),
      backward: (_, gradient) => gradient.mul(NaN),
    });
    const error = await rejected(detectAnomaly(() => bad(leaf(1)).sum().backward()));
    expect(error.op).to.equal("bad");
    expect(error.message).to.match(/badBackward/);
    using model = smallResNet({ classes: 2 });
    const failed = await rejected(
      detectAnomaly(async () => {
        const { logits } = await model.forward(zeros([2, 3, 32, 32]));
        await logits.mul(NaN).sum().backward();
      }),
    );
    expect([failed.code, failed.op]).to.deep.equal(["ERR_NAN_GRADIENT", "aten::mul.Scalar"]);
  });

  it("checks nothing outside, and leaves graphs as they were", async () => {
    const x = leaf(1);
    const loss = suspect(x).mul(0).sum();
    await rejected(detectAnomaly(() => loss.backward({ retainGraph: true })));
    await loss.backward();
    expect((await values(x.grad))[0]).to.be.NaN;
    await detectAnomaly(() => leaf(1).mul(2).sum().backward());
  });

  it("does not mix with what runs beside it", async () => {
    const x = leaf(1);
    const outside = async () => {
      await nextTask();
      await suspect(x).mul(0).sum().backward();
    };
    const inside = detectAnomaly(async () => {
      await nextTask();
      await suspect(leaf(1)).mul(0).sum().backward();
    });
    const [first, second] = await Promise.allSettled([outside(), inside]);
    expect([first.status, second.status]).to.deep.equal(["fulfilled", "rejected"]);
  });
});
