import { expect } from "chai";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { setImmediate as nextTask } from "node:timers/promises";
import { memory, SGD, smallResNet, tensor, tidy, type Tensor } from "mutual-channel-loss";
import { customFunction, enableGrad, ops, zeros } from "mutual-channel-loss/tensor";
import { runModule, startWorker } from "../support/child.js";
import { settledMemory } from "../support/memory.js";
import { values } from "../support/values.js";

const leaf = (...elements: number[]) => tensor(Float64Array.from(elements), { requiresGrad: true });

const through = (backward: (gradient: Tensor) => Tensor | Promise<Tensor>) =>
  customFunction({ forward: (_, x: Tensor) => x.mul(1), backward: (_, gradient) => backward(gradient) });

describe("JavaScript functions in backward", () => {
  it("may await anything that runs on the executor, to any depth", async () => {
    using model = smallResNet({ classes: 2 });
    const inner = leaf(2);
    const log: string[] = [];
    const deepest = through(async (gradient) => {
      await gradient.data();
      log.push("deepest");
      return gradient;
    });
    const step = async () => {
      const { logits } = await model.forward(zeros([2, 3, 32, 32]));
      await Promise.all([logits.sum().backward(), deepest(inner.mul(inner)).sum().backward()]);
      log.push("outer");
    };
    const outer = through(async (gradient) => {
      await enableGrad(step);
      return gradient;
    });
    const x = leaf(1);
    await outer(x).sum().backward();
    expect(log).to.deep.equal(["deepest", "outer"]);
    expect(await values(inner.grad)).to.deep.equal([4]);
    expect(model.parameters().every((parameter) => parameter.grad !== null)).to.equal(true);
  });

  it("do not let later work overtake the backward that waits for them", async () => {
    const x = leaf(1);
    const optimizer = new SGD([{ parameters: [x] }], { learningRate: 1 });
    const slow = through(async (gradient) => {
      for (let i = 0; i < 5; i += 1) await nextTask();
      await gradient.data();
      return gradient;
    });
    const backward = slow(x.mul(3)).sum().backward();
    const step = optimizer.step();
    await Promise.all([backward, step]);
    expect(await values(x)).to.deep.equal([-2]);
  });

  it("lets work go on that they started and did not wait for", async () => {
    let floating: Promise<unknown> | undefined;
    const fn = through((gradient) => {
      floating = nextTask().then(() => leaf(1).data());
      return gradient;
    });
    await fn(leaf(1)).sum().backward();
    expect(await floating).to.deep.equal(Float64Array.of(1));
  });

  it("run in the async context of whoever asked for the backward", async () => {
    const user = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const x = leaf(1);
    x.registerHook(async () => {
      seen.push(user.getStore());
      await nextTask();
      seen.push(user.getStore());
    });
    await Promise.all(["a", "b"].map((name) => user.run(name, () => x.mul(1).sum().backward())));
    expect(seen).to.deep.equal(["a", "a", "b", "b"]);
    const before = (await settledMemory()).tensors;
    await tidy(async () => {
      x.registerHook((gradient) => void gradient.mul(2));
      await x.mul(1).sum().backward();
    });
    expect(memory().tensors).to.equal(before);
  });

  it("reject only the backward that they fail", async () => {
    const failing = through(() => {
      throw new Error("this one");
    });
    const x = leaf(1);
    const results = await Promise.allSettled([
      x.sum().backward(),
      failing(x).sum().backward(),
      x.sum().backward(),
      x.data(),
    ]);
    expect(results.map(({ status }) => status)).to.deep.equal([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    expect(await values(x.grad)).to.deep.equal([2]);
  });

  it("run at once, if they are sync, where an operator calls them on the JavaScript thread", async () => {
    const x = leaf(1);
    x.registerHook((gradient) => gradient.mul(5));
    ops("aten::_backward", x.sum(), []);
    expect(await values(x.grad)).to.deep.equal([5]);
    x.registerHook(() => Promise.resolve(undefined));
    expect(() => ops("aten::_backward", x.sum(), [])).to.throw(/promise cannot be waited for/);
  });
});

/** Declares `done`, a backward that waits for `backward` to return. */
const WAITING = (backward: string) => `
  import { tensor } from "mutual-channel-loss";
  import { customFunction } from "mutual-channel-loss/tensor";
  const fn = customFunction({ forward: (_, x) => x.mul(1), backward: ${backward} });
  const done = fn(tensor([1], { requiresGrad: true })).sum().backward();
`;

describe("a process that ends while backward waits for JavaScript", () => {
  it("ends, whether the function returns or not", async () => {
    for (const backward of [
      "() => process.exit(7)",
      "async () => process.exit(7)",
      "() => { setImmediate(() => process.exit(7)); return new Promise(() => {}); }",
      `async () => {
        setImmediate(() => process.exit(7));
        for (;;) await tensor([1]).data();
      }`,
    ]) {
      const child = await runModule(`${WAITING(backward)} await done;`);
      expect(child).to.include({ code: 7, output: "", errors: "" });
    }
  });

  it("ends with the error of a function that nobody handles", async () => {
    const child = await runModule(`${WAITING('() => { throw new Error("in backward"); }')} await done;`);
    expect(child.code).to.equal(1);
    expect(child.errors).to.match(/Error: in backward/);
  });

  it("is idle afterwards", async () => {
    const child = await runModule(
      `${WAITING("async (_, gradient) => gradient")} await done; console.log("done");`,
    );
    expect(child).to.include({ code: 0, output: "done\n" });
  });

  it("survives workers that are terminated there", async () => {
    const waiting = WAITING('() => { parentPort.postMessage("waiting"); return new Promise(() => {}); }');
    const spinning = WAITING('() => { parentPort.postMessage("spinning"); for (;;); }');
    for (const source of [waiting, spinning]) {
      const workers = [1, 2, 3].map(() =>
        startWorker(`import { parentPort } from "node:worker_threads"; ${source} await done;`),
      );
      await Promise.all(workers.map((worker) => once(worker, "message")));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    expect(tensor([1, 2]).sum().item()).to.equal(3);
  });
});
