import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { keep, memory, Tensor, tensor, tidy } from "mutual-channel-loss";
import { zeros } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";
import { expectNoneLeft, heldMemory, settledMemory, type HeldMemory } from "../support/memory.js";

describe("the scope of a tidy()", () => {
  let before: HeldMemory;
  beforeEach(async () => {
    before = await settledMemory();
  });

  /** How many tensors there are beyond those of the start. */
  const extra = (): number => memory().tensors - before.tensors;

  it("hands results to the scope around it, async in async and sync in async", async () => {
    await tidy(async () => {
      const inner = await tidy(async () => {
        await zeros([1]).data();
        return tidy(() => zeros([1]).add(1));
      });
      expect(inner.item()).to.equal(1);
      expect(extra()).to.equal(1);
    });
    expect(heldMemory()).to.deep.equal(before);
  });

  it("counts as open until its promise has settled", async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const open = tidy(async () => {
      await gate;
    });
    expect(memory().openScopes - before.openScopes).to.equal(1);
    release();
    await open;
    expect(heldMemory()).to.deep.equal(before);
  });

  it("leaves what its unawaited work makes after its end to the open scope around it", async () => {
    let leaked: Promise<Tensor> | undefined;
    await tidy(async () => {
      tidy(() => {
        leaked = nextTask().then(() => zeros([3]));
      });
      const late = await leaked!;
      expect(late.disposed).to.equal(false);
      expect(extra()).to.equal(1);
    });
    expect(heldMemory()).to.deep.equal(before);
  });

  it("without a scope around it leaves that to whoever has it", async () => {
    let leaked: Promise<Tensor> | undefined;
    tidy(() => {
      leaked = nextTask().then(() => zeros([3]));
    });
    const late = await leaked!;
    expect(late.disposed).to.equal(false);
    late.dispose();
    expect(heldMemory()).to.deep.equal(before);
  });

  it("waits for thenables that are no Promises, lazy ones too", async () => {
    const query = {
      then(resolve: (value: Tensor) => void): void {
        zeros([2]);
        resolve(zeros([2]).add(1));
      },
    };
    const result = await tidy(() => query as unknown as PromiseLike<Tensor>);
    expect(result.disposed).to.equal(false);
    expect(extra()).to.equal(1);
    result.dispose();
    expect(heldMemory()).to.deep.equal(before);
  });

  it("refuses generators, whose body would run outside it", async () => {
    const made = function* () {
      yield zeros([1]);
    };
    const error = caught(() => tidy(made));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "fn" });
    expect(error.message).to.match(/generator: use tidy\(\) inside it/);
    const later = async function* () {
      yield await Promise.resolve(zeros([1]));
    };
    expect(caught(() => tidy(later)).argument).to.equal("fn");
    const promised = await rejected(tidy(async () => Promise.resolve(later())));
    expect(promised.argument).to.equal("fn");
    expect(heldMemory()).to.deep.equal(before);
  });

  it("works inside generators, step by step", async () => {
    const steps = async function* () {
      for (let step = 0; step < 3; step += 1) {
        yield await tidy(async () => {
          const y = zeros([2]).add(step);
          await y.data();
          return y;
        });
      }
    };
    const values: number[] = [];
    for await (const y of steps()) {
      values.push(y.sum().item());
      expect(extra()).to.equal(2); // y and its sum
      y.dispose();
      await settledMemory();
    }
    expect(values).to.deep.equal([0, 2, 4]);
    await expectNoneLeft(before);
  });

  it("finds results in objects of classes, and in what refers to itself", () => {
    class Detections {
      readonly self = this;
      constructor(readonly boxes: Tensor) {}
    }
    const { boxes } = tidy(() => {
      zeros([1]);
      return new Detections(zeros([2, 4]));
    });
    expect(boxes.shape).to.deep.equal([2, 4]);
    boxes.dispose();
    const keys = tidy(() => new Map([[zeros([1]), new Set([zeros([1])])]]));
    expect(extra()).to.equal(2);
    for (const [key, values] of keys) [key, ...values].forEach((each) => each.dispose());
    expect(heldMemory()).to.deep.equal(before);
  });

  it("lets go of what keep() is called for, from wherever", async () => {
    const one = tidy(() => tidy(() => keep(zeros([1]))));
    let made: Tensor | undefined;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const scope = tidy(async () => {
      made = zeros([1]);
      await gate;
    });
    keep(made!);
    release();
    await scope;
    expect([one.disposed, made!.disposed]).to.deep.equal([false, false]);
    [one, made!].forEach((each) => each.dispose());
    expect(heldMemory()).to.deep.equal(before);
  });

  it("keeps memory flat in a loop that never yields, where the collector is powerless", () => {
    let peak = 0;
    for (let step = 0; step < 2000; step += 1) {
      tidy(() => {
        zeros([1000]).add(1).mul(2).sum().item();
        peak = Math.max(peak, memory().bytes - before.bytes);
      });
    }
    expect(peak).to.be.below(13_000);
    expect(heldMemory()).to.deep.equal(before);
  });

  it("frees what an in-place operator and an accessor made, and not what they were called on", async () => {
    const x = tensor([[1, 2]]);
    await tidy(async () => {
      x.setAt(5, 0, 1);
      const alias = x.at(0);
      await alias.data();
      expect(alias.sum().item()).to.equal(6);
    });
    expect(x.sum().item()).to.equal(6);
    x.dispose();
    await expectNoneLeft(before);
  });
});
