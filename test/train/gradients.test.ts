import { expect } from "chai";
import { Model, SGD, smallResNet, tensor, Trainer, type Tensor } from "mutual-channel-loss";
import { zeros } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { buildObjective } from "#lib/train/objective.js";
import { fixedLoader } from "../support/fixed-loader.js";
import { numbersOf } from "../support/fixtures.js";

const SIDE = 16;
const BATCHES = [0, 1, 2].map((shift) => ({
  images: Float32Array.from({ length: 2 * 3 * SIDE * SIDE }, (_, i) => Math.sin(i + shift)),
  shape: [3, SIDE, SIDE],
  labels: [0, 1],
}));
const { spec } = smallResNet({ classes: 2, channelsPerClass: 2, inputSize: SIDE, width: 4 });

/** Makes steps of a model and of a parameter that has no part in it. */
class Steps {
  readonly model = new Model(spec, { seed: 1 });
  readonly apart = tensor([1, 2], { requiresGrad: true });
  readonly optimizer = new SGD([{ parameters: [...this.model.parameters(), this.apart] }], {
    learningRate: 0.1,
    weightDecay: 0.1,
  });
  readonly #foundInf = zeros([]);

  /** One of several batches of an update. */
  async step(batch: number, position = 0, accumulate = 2): Promise<void> {
    const { images, labels, shape } = BATCHES[batch]!;
    using input = tensor(images, { shape: [2, ...shape] });
    using classes = tensor(labels, { dtype: "int64" });
    const update = {
      model: this.model.handle,
      optimizer: this.optimizer.handle,
      objective: buildObjective(this.model, "ce", 0),
      learningRates: [0.1],
      accumulate,
      position,
      foundInf: this.#foundInf.handle,
      skipNonFinite: false,
    };
    await native().trainStep({ ...update, images: input.handle, labels: classes.handle }, 0);
  }

  get gradients(): Promise<number[][]> {
    return Promise.all(this.model.parameters().map((parameter) => numbersOf(parameter.grad!)));
  }
}

describe("gradients of an update of several batches", () => {
  it("that somebody holds keep their values in later updates", async () => {
    const model = new Model(spec, { seed: 1 });
    const held: { gradient: Tensor; values: number[] }[] = [];
    const trainer = new Trainer(model, { epochs: 1, accumulate: 2, optimizer: { learningRate: 0.01 } });
    const pairs = BATCHES.flatMap((batch) => [batch, batch]);
    for await (const event of trainer.fit(fixedLoader(pairs))) {
      if (event.type !== "step" || event.step % 2 === 1) continue;
      const gradient = model.parameters()[0]!.grad!;
      held.push({ gradient, values: await numbersOf(gradient) });
    }
    const [first, second, third] = held.map(({ values }) => values);
    expect(first).to.not.deep.equal(second);
    expect(second).to.not.deep.equal(third);
    for (const { gradient, values } of held) expect(await numbersOf(gradient)).to.deep.equal(values);
  });

  it("may be written between the batches of an update", async () => {
    const [whole, changed] = [new Steps(), new Steps()];
    await whole.step(0, 0, 3);
    await changed.step(0, 0, 3);
    changed.model.parameters()[0]!.grad!.mul_(3);
    const before = await changed.gradients;
    expect(before[0]).to.deep.equal((await whole.gradients)[0]!.map((value) => Math.fround(3 * value)));
    changed.model.parameters()[1]!.grad = null;
    await whole.step(1, 1, 3);
    await changed.step(1, 1, 3);
    const [sum, other] = [await whole.gradients, await changed.gradients];
    expect(other[1]).to.not.deep.equal(sum[1]);
    expect(other.slice(2)).to.deep.equal(sum.slice(2));
  });

  it("are none where a parameter has no part, which is not decayed either", async () => {
    const steps = new Steps();
    for (const batch of [0, 1]) {
      await steps.step(batch, batch);
      expect(steps.apart.grad).to.equal(null);
    }
    expect(await numbersOf(steps.apart)).to.deep.equal([1, 2]);
  });

  it("are none of frozen parameters, and come again when these are trained", async () => {
    const steps = new Steps();
    const { model } = steps;
    await steps.step(0);
    model.freeze("layer1");
    const frozen = model.state().filter(({ name, trainable }) => trainable && name.startsWith("layer1"));
    for (const batch of [1, 2]) {
      await steps.step(batch);
      expect(frozen.map(({ tensor }) => tensor.grad)).to.deep.equal(frozen.map(() => null));
    }
    model.unfreeze();
    await steps.step(0);
    expect(frozen.every(({ tensor }) => tensor.grad !== null)).to.equal(true);
  });

  it("are zeros, rather than those before, after a model has moved to another dtype", async () => {
    const [moved, fresh] = [new Steps(), new Steps()];
    await moved.step(0);
    await moved.model.to("float64");
    await moved.model.to("float32");
    await fresh.step(0);
    await moved.step(1);
    await fresh.step(1);
    expect(await moved.gradients).to.deep.equal(await fresh.gradients);
  });

  it("are gone after zeroGrad()", async () => {
    const steps = new Steps();
    await steps.step(0);
    await steps.optimizer.zeroGrad();
    expect(steps.model.parameters().every(({ grad }) => grad === null)).to.equal(true);
  });
});

describe("a model's statistics", () => {
  it("are the same after any moves, each in its own memory's place", async () => {
    const steps = new Steps();
    const { model } = steps;
    const buffers = () =>
      Promise.all(
        model
          .state()
          .filter(({ trainable }) => !trainable)
          .map(({ tensor }) => numbersOf(tensor)),
      );
    await steps.step(0);
    const before = await buffers();
    await model.to("cpu");
    await model.to("float64");
    await model.to("float64");
    await model.to("float32");
    expect(await buffers()).to.deep.equal(before);
    await steps.step(1);
    const [mean, variance, batches] = (await buffers()) as [number[], number[], number[]];
    expect(mean).to.not.deep.equal(before[0]);
    expect(variance).to.not.deep.equal(before[1]);
    expect(batches).to.deep.equal([2]);
  });

  it("can be taken over by another model's", async () => {
    const steps = new Steps();
    await steps.step(0);
    const other = new Model(spec, { seed: 2 });
    other.loadStateDict(Object.fromEntries(steps.model.state().map(({ name, tensor }) => [name, tensor])));
    for (const [i, { tensor }] of steps.model.state().entries()) {
      expect(await numbersOf(other.state()[i]!.tensor)).to.deep.equal(await numbersOf(tensor));
    }
  });
});
