import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import * as generated from "#lib/tensor/operators.js";
import * as mcloss from "mutual-channel-loss/tensor";
import { manualSeed, memory, Tensor, tensor, tidy, type Dtype } from "mutual-channel-loss";
import { Generator, rand, randn, zeros } from "mutual-channel-loss/tensor";
import { describeOnDevices } from "../support/devices.js";
import { difference, elements, shapes, type Elements } from "../support/elements.js";
import { caught } from "../support/errors.js";
import { functionCases, methodCases, type Cases } from "../support/operator-cases.js";

const { TensorOperators, ...functions } = generated;

function checkAll(cases: Cases): void {
  for (const [name, [call, expected]] of Object.entries(cases)) {
    it(name, async () => {
      await tidy(async () => {
        const result = call();
        if (typeof expected === "object" && "shape" in expected) {
          expect(shapes(result)).to.deep.equal(expected.shape);
        } else {
          expect(difference(await elements(result), expected, 1e-7)).to.equal(undefined);
        }
      });
    });
  }
}

describe("generated methods", () => {
  it("are all in the table", () => {
    expect(Object.keys(methodCases)).to.have.members(
      Object.getOwnPropertyNames(TensorOperators.prototype).filter((name) => name !== "constructor"),
    );
  });
  checkAll(methodCases);
});

describe("generated functions", () => {
  it("are all in the table", () => {
    expect(Object.keys(functionCases)).to.have.members(Object.keys(functions));
  });
  checkAll(functionCases);
});

describe("the operators against PyTorch", () => {
  interface Recorded {
    name: string;
    method: boolean;
    args: unknown[];
    result: Elements;
  }
  const recorded = JSON.parse(
    readFileSync(new URL("../fixtures/operators/operators.json", import.meta.url), "utf8"),
  ) as Recorded[];

  function argument(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(argument);
    if (typeof value !== "object" || value === null) return value;
    if (!("data" in value)) {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, argument(each)]));
    }
    const { data, dtype } = value as { data: number[]; dtype: Dtype };
    return tensor(data, { dtype });
  }

  for (const { name, method, args, result } of recorded) {
    it(name, async () => {
      const [first, ...rest] = args.map(argument);
      const owner = (method ? first : mcloss) as Record<string, (...given: unknown[]) => unknown>;
      const before = memory().tensors;
      const actual = owner[name]!(...(method ? rest : [first, ...rest]));
      expect(memory().tensors - before, "tensors made").to.equal(countTensors(actual));
      expect(difference(await elements(actual), result, 1e-6)).to.equal(undefined);
    });
  }

  function countTensors(value: unknown): number {
    if (Array.isArray(value)) return value.reduce((count: number, each) => count + countTensors(each), 0);
    return value instanceof Tensor ? 1 : 0;
  }

  it("manualSeed() gives PyTorch's random numbers", async () => {
    manualSeed(0);
    // torch.manual_seed(0); torch.rand(3)
    const expected = [0.4962565899, 0.7682217956, 0.0884774327];
    expect(difference(await elements(rand([3])), expected, 1e-6)).to.equal(undefined);
  });
});

describeOnDevices("Generator", (device) => {
  it("draws the same numbers again from the same seed, in new tensors and in place", async () => {
    const draw = (seed: number) => randn([4], { device, generator: new Generator(seed, device) });
    expect(await elements(draw(7))).to.deep.equal(await elements(draw(7)));
    expect(await elements(draw(7))).to.not.deep.equal(await elements(draw(8)));
    const fill = () => zeros([4], { device }).uniform_(0, 1, { generator: new Generator(7, device) });
    expect(await elements(fill())).to.deep.equal(await elements(fill()));
  });

  it("is made with a seed for a device that exists", () => {
    expect(caught(() => new Generator(-1, device)).argument).to.equal("seed");
    expect(caught(() => new Generator(1, "gpu" as "cuda")).argument).to.equal("device");
  });
});

describe("the generated surface", () => {
  it("is what its list and LibTorch's schemas make", function () {
    // The offline bundle has no generator.
    if (!existsSync("scripts/generate-operators.js")) this.skip();
    execFileSync(process.execPath, ["scripts/generate-operators.js", "--check"]);
  });

  it("gives results by position and by name", async () => {
    const [values, indices] = tensor([3, 1, 2]).topk(1);
    const named = tensor([3, 1, 2]).topk(1);
    expect(await elements([values, indices])).to.deep.equal([[3], [0]]);
    expect(await elements([named.values, named.indices])).to.deep.equal([[3], [0]]);
  });

  it("makes tensors that record gradients, on request", async () => {
    const x = rand([2], { requiresGrad: true, dtype: "float64" });
    expect([x.requiresGrad, x.dtype]).to.deep.equal([true, "float64"]);
    await x.sum().backward();
    expect(await elements(x.grad)).to.deep.equal([1, 1]);
  });

  it("sums over dimensions with keepdim as an option or, as before, by position", () => {
    const x = tensor([[1, 2, 3]]);
    expect(x.sum([0, 1], { keepdim: true }).shape).to.deep.equal([1, 1]);
    expect(x.mean(0, true).shape).to.deep.equal([1, 3]);
    expect(x.sum(1, { dtype: "float64" }).dtype).to.equal("float64");
  });

  it("names the operator and the argument at fault", () => {
    const x = tensor([3, 1, 2]);
    const k = caught(() => x.topk("2" as unknown as number));
    expect(k).to.include({ code: "ERR_ARGUMENT", op: "aten::topk", argument: "k" });
    expect(caught(() => x.topk(1.5))).to.include({ code: "ERR_ARGUMENT", op: "aten::topk", argument: "k" });
    const other = caught(() => x.maximum(undefined as unknown as Tensor));
    expect(other).to.include({ code: "ERR_ARGUMENT", op: "aten::maximum", argument: "other" });
    const unknown = caught(() => x.topk(1, { larges: true } as object));
    expect(unknown).to.include({ code: "ERR_ARGUMENT", op: "aten::topk", argument: "larges" });
    const options = caught(() => x.topk(1, 0 as unknown as object));
    expect(options).to.include({ code: "ERR_ARGUMENT", op: "aten::topk", argument: "options" });
    const reduction = caught(() => mcloss.mseLoss(x, x, { reduction: "avg" as "mean" }));
    expect(reduction).to.include({ code: "ERR_ARGUMENT", op: "aten::mse_loss", argument: "reduction" });
    x.dispose();
    expect(caught(() => x.relu())).to.include({ code: "ERR_DISPOSED", op: "aten::relu", argument: "self" });
    expect(caught(() => manualSeed(-1)).argument).to.equal("seed");
  });
});
