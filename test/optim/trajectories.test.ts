import { expect } from "chai";
import {
  AdamW,
  clipGradNorm,
  noGrad,
  SGD,
  smallResNet,
  tensor,
  type Dtype,
  type Tensor,
} from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { Adam, clipGradValue, EMA, GradScaler, learningRateFactor, RMSprop } from "mutual-channel-loss/train";
import { caught, rejected } from "../support/errors.js";
import { optimFixture as fixture } from "../support/optim-fixture.js";

const OPTIMIZERS = { SGD, Adam, AdamW, RMSprop };

/** PyTorch's option names as this package's. */
function translate(options: Record<string, unknown>) {
  const names: Record<string, string> = { lr: "learningRate", weight_decay: "weightDecay" };
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [names[name] ?? name, value])) as {
    learningRate: number;
  };
}

async function setGradient(parameter: Tensor, values: number[], dtype: Dtype): Promise<void> {
  parameter.grad = null;
  const gradient = tensor(Float64Array.from(values)).to(dtype);
  await parameter.mul(gradient).sum().backward();
}

async function numbers(value: Tensor): Promise<number[]> {
  return Array.from(await value.data(), Number);
}

function expectClose(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).to.have.length(expected.length);
  actual.forEach((value, i) => expect(value).to.be.closeTo(expected[i]!, tolerance));
}

describe("optimizers against PyTorch over 20 steps (float64, 1e-12)", () => {
  for (const { name, options, path } of fixture.optimizers) {
    it(`${name} ${JSON.stringify(options)}`, async () => {
      const parameter = tensor(Float64Array.from(fixture.start), { requiresGrad: true });
      const optimizer = new OPTIMIZERS[name]([{ parameters: [parameter] }], translate(options));
      for (const [step, expected] of path.entries()) {
        await setGradient(parameter, fixture.gradients[step]!, "float64");
        await optimizer.step();
        expectClose(await numbers(parameter), expected, 1e-12);
      }
    });
  }

  it("go on from a state that is read back into another optimizer", async () => {
    const { options, path } = fixture.optimizers.find(({ name }) => name === "AdamW")!;
    const parameter = tensor(Float64Array.from(fixture.start), { requiresGrad: true });
    let optimizer = new AdamW([{ parameters: [parameter] }], translate(options));
    for (const [step, expected] of path.entries()) {
      if (step === 7) {
        const resumed = new AdamW([{ parameters: [parameter] }], translate(options));
        for (const [i, entry] of resumed.state().entries()) {
          const saved = optimizer.state()[i]!;
          expect([entry.group, entry.parameter, entry.name]).to.deep.equal([0, 0, saved.name]);
          noGrad(() => ops("aten::copy_", entry.tensor, saved.tensor));
        }
        optimizer = resumed;
      }
      await setGradient(parameter, fixture.gradients[step]!, "float64");
      await optimizer.step();
      expectClose(await numbers(parameter), expected, 1e-12);
    }
  });

  it("name the group and the option that is out of range", () => {
    const groups = [{ parameters: [tensor([1], { requiresGrad: true })] }];
    const failures = [
      () => new Adam(groups, { learningRate: 1, betas: [0.9, 1] }),
      () => new AdamW(groups, { learningRate: 1, eps: -1 }),
      () => new RMSprop(groups, { learningRate: 1, alpha: 2 }),
      () => new RMSprop([{ ...groups[0]!, learningRate: NaN }], { learningRate: 1 }),
    ];
    expect(failures.map((fail) => caught(fail).argument)).to.deep.equal([
      "groups[0].betas[1]",
      "groups[0].eps",
      "groups[0].alpha",
      "groups[0].learningRate",
    ]);
  });
});

describe("schedules against PyTorch (1e-12)", () => {
  for (const { schedule, factors } of fixture.schedules) {
    it(JSON.stringify(schedule), () => {
      const epochs = factors.length;
      const actual = factors.map((_, epoch) =>
        learningRateFactor(schedule, { epoch, epochs, metrics: fixture.metrics.slice(0, epoch) }),
      );
      expectClose(actual, factors, 1e-12);
    });
  }
});

describe("GradScaler", () => {
  it("scales, passes over, backs off and grows as PyTorch's (float32, 1e-6)", async () => {
    const parameter = tensor(Float32Array.from(fixture.start), { requiresGrad: true });
    const optimizer = new SGD([{ parameters: [parameter] }], { learningRate: 0.1, momentum: 0.9 });
    const scaler = new GradScaler({ initialScale: 16, growthInterval: 3 });
    for (const [step, expected] of fixture.scaling.entries()) {
      const gradient = [...fixture.gradients[step]!];
      if ([4, 5, 11].includes(step)) gradient[1] = Infinity;
      parameter.grad = null;
      await scaler.scale(parameter.mul(tensor(Float32Array.from(gradient))).sum()).backward();
      const foundInf = await scaler.unscale([parameter]);
      await optimizer.step({ foundInf });
      await scaler.update(foundInf);
      expect(scaler.state().scale).to.equal(expected.scale);
      expectClose(await numbers(parameter), expected.parameters, 1e-6);
    }
  });

  it("gives its state back", () => {
    const scaler = new GradScaler();
    scaler.restore({ scale: 8, growthTracker: 5 });
    expect(scaler.state()).to.deep.equal({ scale: 8, growthTracker: 5 });
  });

  for (const [name, make] of [
    ["Adam", (parameters: Tensor[]) => new Adam([{ parameters }], { learningRate: 0.1 })],
    ["RMSprop", (parameters: Tensor[]) => new RMSprop([{ parameters }], { learningRate: 0.1 })],
  ] as const) {
    it(`makes ${name} pass over a step without counting it`, async () => {
      const run = async (overflows: boolean[]): Promise<number[]> => {
        const parameter = tensor([1, 2], { requiresGrad: true });
        const optimizer = make([parameter]);
        for (const overflow of overflows) {
          parameter.grad = null;
          await parameter.sum().backward();
          await optimizer.step({ foundInf: tensor([overflow ? 1 : 0]) });
        }
        return numbers(parameter);
      };
      expect(await run([false, true, false])).to.deep.equal(await run([false, false]));
    });
  }
});

describe("gradient clipping against PyTorch (float64, 1e-12)", () => {
  it("by joint norm, then by value", async () => {
    const parameters = fixture.clipping.byNorm.map(() => tensor(new Float64Array(4), { requiresGrad: true }));
    for (const [i, parameter] of parameters.entries()) {
      await setGradient(parameter, fixture.gradients[i + 3]!, "float64");
    }
    const gradients = () => Promise.all(parameters.map((parameter) => numbers(parameter.grad!)));
    const norm = await clipGradNorm(parameters, 1.5);
    expect(norm.item()).to.be.closeTo(fixture.clipping.norm, 1e-12);
    for (const [i, values] of (await gradients()).entries())
      expectClose(values, fixture.clipping.byNorm[i]!, 1e-12);
    await clipGradValue(parameters, 0.4);
    for (const [i, values] of (await gradients()).entries())
      expectClose(values, fixture.clipping.byValue[i]!, 1e-12);
  });

  it("names a limit that is not above 0", async () => {
    expect((await rejected(clipGradValue([], 0))).argument).to.equal("limit");
  });
});

describe("EMA", () => {
  it("averages parameters and takes buffers as they are", async () => {
    using model = smallResNet({ classes: 2, inputSize: 32 });
    using average = new EMA(model, 0.9);
    const pick = (name: string) =>
      [model, average].map((of) => of.state().find((entry) => entry.name === name)!.tensor);
    const [weight, averaged] = pick("conv1.weight");
    const [mean, copied] = pick("bn1.running_mean");
    const before = weight!.clone();
    noGrad(() => {
      ops("aten::add_.Scalar", weight, 1);
      ops("aten::fill_.Scalar", mean, 3);
    });
    await average.update();
    const moved = averaged!.sub(before);
    expect(moved.min().item()).to.be.closeTo(0.1, 1e-6);
    expect(moved.max().item()).to.be.closeTo(0.1, 1e-6);
    expect(copied!.min().item()).to.equal(3);
  });

  it("names a decay that is out of range", () => {
    using model = smallResNet({ classes: 2, inputSize: 32 });
    expect(caught(() => new EMA(model, 1)).argument).to.equal("decay");
  });
});
