import { expect } from "chai";
import { type Dtype, type Tensor, type TypedArray } from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { describeOnDevices } from "../support/devices.js";
import { goldenCases, GoldenFile, goldenGroups, type GoldenCase } from "../support/golden.js";
import { maximum } from "#lib/extremes.js";

interface Tolerance {
  loss_dis: number;
  loss_div: number;
  grad_dis: number;
  grad_div: number;
}

// The rounding of a gradient that is returned in the input's own type: relative step and, for float16, the subnormals'.
const GRADIENT_ROUNDING: Partial<Record<Dtype, { relative: number; absolute: number }>> = {
  bfloat16: { relative: 2 ** -8, absolute: 0 },
  float16: { relative: 2 ** -10, absolute: 6e-8 },
};

function float64Tolerance(golden: GoldenCase, file: GoldenFile): Tolerance {
  const gradient = (name: string) => 1e-11 + 1e-9 * maximum(file.doubles(name).map(Math.abs));
  return {
    loss_dis: 1e-10 * Math.max(1, Math.abs(golden.loss_dis)),
    loss_div: 1e-10 * Math.max(1, Math.abs(golden.loss_div)),
    grad_dis: gradient("grad_dis"),
    grad_div: golden.grad_div_checked ? gradient("grad_div") : 0,
  };
}

type Term = "loss" | "discriminality" | "diversity";

/** One of a form's results and its gradient. */
async function differentiate(operator: string, golden: GoldenCase, file: GoldenFile, x: Tensor, term: Term) {
  const features = x.detach().withGrad();
  const { device } = x;
  const { blockClasses, blockChannels } = goldenGroups(golden).toLists();
  const [loss, discriminality, diversity] = ops(
    operator,
    features,
    file.tensor("labels").to(device),
    blockClasses,
    blockChannels,
    {
      alpha: golden.alpha,
      beta: golden.beta,
      mask: file.tensor("mask").to(device),
      pooling: golden.pool_dis,
      diversity_pooling: golden.pool_div,
    },
  ) as [Tensor, Tensor, Tensor];
  const result = { loss, discriminality, diversity }[term];
  await result.backward();
  return { value: result.item(), gradient: await features.grad!.data() };
}

function expectClose(actual: TypedArray, expected: Float64Array, tolerance: number, dtype: Dtype): void {
  const { relative, absolute } = GRADIENT_ROUNDING[dtype] ?? { relative: 0, absolute: 0 };
  expect(actual.length).to.equal(expected.length);
  expected.forEach((value, index) => {
    const allowed = tolerance + absolute + relative * Math.abs(value);
    expect(Math.abs(Number(actual[index]) - value), `element ${index}`).to.be.at.most(allowed);
  });
}

async function check(
  operator: string,
  golden: GoldenCase,
  file: GoldenFile,
  x: Tensor,
  tolerance: Tolerance,
): Promise<void> {
  const gradient = (term: Term) => differentiate(operator, golden, file, x, term);
  const dis = await gradient("discriminality");
  expect(dis.value).to.be.closeTo(golden.loss_dis, tolerance.loss_dis);
  expectClose(dis.gradient, file.doubles("grad_dis"), tolerance.grad_dis, x.dtype);

  const div = await gradient("diversity");
  expect(div.value).to.be.closeTo(golden.loss_div, tolerance.loss_div);
  if (!golden.grad_div_checked) return;
  expectClose(div.gradient, file.doubles("grad_div"), tolerance.grad_div, x.dtype);

  const { alpha, beta } = golden;
  const total = await gradient("loss");
  const size = Math.abs(alpha) * tolerance.loss_dis + Math.abs(beta) * tolerance.loss_div;
  const expected = alpha * golden.loss_dis + beta * golden.loss_div;
  expect(total.value).to.be.closeTo(expected, size + 2e-6 * Math.max(1, Math.abs(expected)));
  const disGradient = file.doubles("grad_dis");
  const both = file.doubles("grad_div").map((value, index) => beta * value + alpha * disGradient[index]!);
  const allowed = Math.abs(alpha) * tolerance.grad_dis + Math.abs(beta) * tolerance.grad_div;
  expectClose(total.gradient, both, allowed, x.dtype);
}

function channelsLast(x: Tensor): Tensor {
  return ops("aten::contiguous", x, { memory_format: "channelsLast" }) as Tensor;
}

for (const operator of ["mcloss::mc_loss", "mcloss::reference"]) {
  describeOnDevices(`${operator} on the golden vectors`, (device) => {
    for (const golden of goldenCases) {
      it(`${golden.name} in ${golden.x_dtype} and float64, contiguous and channels_last`, async () => {
        const file = new GoldenFile(golden);
        const exact = float64Tolerance(golden, file);
        const own = file.tensor("x").to(device);
        const wide = own.to("float64");
        const tolerance = golden.x_dtype === "f64" ? exact : golden.tol_f32;
        for (const x of [own, channelsLast(own)]) await check(operator, golden, file, x, tolerance);
        for (const x of [wide, channelsLast(wide)]) await check(operator, golden, file, x, exact);
      });
    }
  });
}
