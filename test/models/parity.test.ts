import { expect } from "chai";
import { noGrad, resnet18, resnet50, tensor, type Model, type Tensor } from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { expectClose, readFixture, stateOf } from "../support/fixtures.js";
import { formulaState, numbers } from "../support/formula.js";

interface Network {
  eval: number[][];
  train: number[][];
  loss: number;
  /** Of each gradient. */
  gradients: Record<string, [norm: number, first: number, middle: number]>;
  running_var: number[];
}

const fixtures = readFixture("networks.json") as Record<"resnet18" | "resnet50", Network>;
const build = {
  resnet18: () => resnet18({ classes: 10, inputSize: 48 }),
  resnet50: () => resnet50({ classes: 10, head: "linear", inputSize: 48 }),
};

function images(): Tensor {
  const values = numbers(2 * 3 * 48 * 48, 1).map((value) => value * 4);
  return tensor(values, { shape: [2, 3, 48, 48] });
}

function matrix(rows: number[][]): Tensor {
  return tensor(Float64Array.from(rows.flat()), { shape: [rows.length, rows[0]!.length] });
}

function expectGradients(model: Model, wanted: Network["gradients"]): void {
  const state = stateOf(model);
  for (const [name, [norm, first, middle]] of Object.entries(wanted)) {
    const gradient = state[name]!.grad!.flatten();
    const [count] = gradient.shape as [number];
    const got = (ops("aten::linalg_vector_norm", gradient) as Tensor).item();
    expect(got, name).to.be.closeTo(norm, 1e-9 * norm);
    expect(gradient.at(0).item(), name).to.be.closeTo(first, 1e-9 * norm);
    expect(gradient.at(Math.floor(count / 2)).item(), name).to.be.closeTo(middle, 1e-9 * norm);
  }
}

describe("networks with weights from a formula, against torchvision (fixtures)", () => {
  for (const name of ["resnet18", "resnet50"] as const) {
    it(`${name}: logits in float32 within 1e-5, in float64 within 1e-10, with the same gradients`, async () => {
      const wanted = fixtures[name];
      using model = build[name]();
      const state = formulaState(model);
      model.loadStateDict(state);
      const single = await noGrad(() => model.eval().forward(images()));
      await expectClose(single.logits, matrix(wanted.eval), 1e-5, "float32");

      await model.to("float64");
      model.loadStateDict(state);
      const double = await noGrad(() => model.eval().forward(images()));
      await expectClose(double.logits, matrix(wanted.eval), 1e-10, "float64");

      const { logits } = await model.train().forward(images());
      await expectClose(logits, matrix(wanted.train), 1e-10, "train");
      const labels = tensor(Int32Array.of(3, 7), { dtype: "int64" });
      const loss = ops("aten::cross_entropy_loss", logits, labels) as Tensor;
      expect(loss.item()).to.be.closeTo(wanted.loss, 1e-10);
      await loss.backward();
      expectGradients(model, wanted.gradients);
      const statistics = tensor(Float64Array.from(wanted.running_var));
      await expectClose(stateOf(model)["bn1.running_var"]!, statistics, 1e-10, "bn1.running_var");
    });
  }
});
