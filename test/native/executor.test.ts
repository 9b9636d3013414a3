import { expect } from "chai";
import { getEventListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTask } from "node:timers/promises";
import {
  evaluate,
  loadModel,
  noGrad,
  saveModel,
  SGD,
  smallResNet,
  tensor,
  type DataLoader,
} from "mutual-channel-loss";
import { type Batch } from "mutual-channel-loss/data";
import { grad, loadStateDict, saveStateDict, zeros, type AbortOptions } from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { BUSY, runModule } from "../support/child.js";
import { rejected } from "../support/errors.js";

/** A job that keeps the executor busy while others are asked for: until the event loop has a turn, and for longer. */
function keepBusy(onBegun: () => void = () => undefined): Promise<void> {
  const x = tensor(new Float32Array(1e6).fill(0.001), { shape: [1000, 1000], requiresGrad: true });
  const product = x.matmul(x).matmul(x);
  // Called once backward runs, of which the most is still to come.
  product.registerHook(onBegun);
  return product.sum().backward();
}

function network() {
  return smallResNet({ classes: 3, inputSize: 32, width: 8 });
}

describe("the executor", () => {
  it("runs work in the order of the calls, failures among it", async () => {
    const order: number[] = [];
    const jobs = Array.from({ length: 40 }, (_, i) => {
      const job: Promise<unknown> = i % 4 === 3 ? zeros([2]).backward() : zeros([2]).data();
      return job.then(
        () => order.push(i),
        (error: unknown) => order.push((error as { code: string }).code === "ERR_TORCH" ? i : NaN),
      );
    });
    await Promise.all(jobs);
    expect(order).to.deep.equal(Array.from({ length: 40 }, (_, i) => i));
  });

  it("leaves the event loop to others meanwhile", async () => {
    let most = 0;
    // Once is enough where nothing else wants the cores.
    for (let attempt = 0; attempt < 20 && most <= 10; attempt += 1) {
      let turns = 0;
      const state = { isDone: false };
      const done = keepBusy(() => (turns = 0)).then(() => (state.isDone = true));
      for (; !state.isDone; turns += 1) await nextTask();
      await done;
      most = Math.max(most, turns);
    }
    expect(most).to.be.above(10);
  });

  it("rejects, rather than throws, what cannot be asked for", async () => {
    const x = zeros([2]);
    x.dispose();
    const calls: (() => Promise<unknown>)[] = [
      () => x.data(),
      () => x.backward(),
      () => grad(x, [x]),
      () => network().forward(x),
    ];
    for (const call of calls) expect((await rejected(call())).code).to.equal("ERR_DISPOSED");
  });

  it("reports a failure that nobody waited for as an unhandled rejection", async () => {
    const source = `import { tensor } from "mutual-channel-loss"; void tensor([1, 2]).backward();`;
    const { code, errors } = await runModule(source);
    expect(code).to.equal(1);
    expect(errors).to.match(/McLossError: element 0 of tensors does not require grad/);
  });
});

describe("AbortSignal", () => {
  it("takes back at once what still waits for its turn, and nothing else", async () => {
    const controller = new AbortController();
    const order: string[] = [];
    const busy = keepBusy().then(() => order.push("busy"));
    const leaf = tensor([2], { requiresGrad: true });
    const aborted = leaf.mul(leaf).backward({ signal: controller.signal });
    const after = leaf.data().then(() => order.push("after"));
    controller.abort("enough");
    const error = await rejected(aborted.finally(() => order.push("aborted")));
    expect(error).to.include({ code: "ERR_ABORTED", name: "AbortError", cause: "enough" });
    await Promise.all([busy, after]);
    expect(order).to.deep.equal(["aborted", "busy", "after"]);
    expect(leaf.grad).to.equal(null);
  });

  it("lets work that has begun finish, wholly", async () => {
    const controller = new AbortController();
    const x = tensor(new Float32Array(250_000).fill(0.001), { shape: [500, 500], requiresGrad: true });
    const product = x.matmul(x);
    product.registerHook(() => controller.abort());
    await product.sum().backward({ signal: controller.signal });
    expect(controller.signal.aborted).to.equal(true);
    expect(x.grad).to.not.equal(null);
  });

  it("is an option of everything that waits for its turn", async () => {
    const signal = AbortSignal.abort();
    const x = tensor([2], { requiresGrad: true });
    using model = network();
    using optimizer = new SGD([{ parameters: [x] }], { learningRate: 1 });
    const images = zeros([2, 3, 32, 32]);
    const loader = {
      length: 1,
      device: "cpu",
      skipped: [],
      *batches() {
        const labels = tensor(Int32Array.of(0, 1), { dtype: "int64" });
        yield {
          images,
          labels,
          samples: [{ label: 0 }, { label: 1 }],
          dispose: () => undefined,
          [Symbol.dispose]: () => undefined,
        } as unknown as Batch;
      },
    } as unknown as DataLoader;
    const calls: ((options: AbortOptions) => Promise<unknown>)[] = [
      (options) => x.data(options),
      (options) => x.sum().backward(options),
      (options) => grad(x.sum(), [x], options),
      (options) => model.forward(images, options),
      (options) => model.to("cpu", options),
      (options) => optimizer.step(options),
      (options) => optimizer.zeroGrad(options),
      (options) => evaluate(model, loader, options.signal ? { signal: options.signal } : {}),
    ];
    for (const call of calls) {
      expect((await rejected(call({ signal }))).code, String(call)).to.equal("ERR_ABORTED");
      await call({ signal: new AbortController().signal });
    }
  });

  it("is an option of reading and writing files, and an aborted writing leaves the old file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "mcloss-abort-"));
    try {
      const path = join(folder, "model.safetensors");
      using model = network();
      await saveModel(model, path);
      const state = Object.fromEntries(model.state().map(({ name, tensor }) => [name, tensor.mul(2)]));
      const signal = AbortSignal.abort();
      const calls: ((options: AbortOptions) => Promise<unknown>)[] = [
        (options) => saveModel(model, path, model.info, options),
        (options) => saveStateDict(path, state, options),
        (options) => loadModel(path, options),
        (options) => loadStateDict(path, options),
        (options) => model.load(path, options),
      ];
      for (const call of calls) {
        expect((await rejected(call({ signal }))).code, String(call)).to.equal("ERR_ABORTED");
      }
      using kept = await loadModel(path, { signal: new AbortController().signal });
      const [first] = kept.state();
      expect(await first?.tensor.data()).to.deep.equal(await model.state()[0]?.tensor.data());
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("may be shared by many calls, and none stays attached", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on("warning", note);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => zeros([1]).data({ signal })));
    await nextTask();
    process.off("warning", note);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
  });
});

describe("what is disposed while work that uses it waits", () => {
  it("is there for that work: tensors, models and optimizers", async () => {
    const images = tensor(
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)),
      { shape: [1, 3, 32, 32] },
    );
    const logits = async (dispose: boolean) => {
      const model = network().eval();
      const busy = keepBusy();
      const input = images.clone();
      const output = noGrad(() => model.forward(input));
      if (dispose) [model, input].forEach((used) => used.dispose());
      await busy;
      return (await output).logits.data();
    };
    expect(await logits(true)).to.deep.equal(await logits(false));

    const weight = tensor([1], { requiresGrad: true });
    await weight.mul(3).backward();
    const optimizer = new SGD([{ parameters: [weight] }], { learningRate: 0.5 });
    const busy = keepBusy();
    const stepped = optimizer.step();
    optimizer.dispose();
    await Promise.all([busy, stepped]);
    expect(weight.item()).to.equal(-0.5);
  });

  it("is gone for what comes after", async () => {
    const optimizer = new SGD([{ parameters: [tensor([1], { requiresGrad: true })] }], { learningRate: 1 });
    optimizer.dispose();
    optimizer.dispose();
    expect((await rejected(optimizer.step())).code).to.equal("ERR_DISPOSED");
  });
});

describe("at the end of the process", () => {
  it("no promise stays pending: what runs is finished, what waits is rejected", async () => {
    const source = `
      import { inspect } from "node:util";
      import { tensor } from "mutual-channel-loss";
      const x = tensor(new Float32Array(1e6).fill(0.001), { shape: [1000, 1000], requiresGrad: true });
      const product = x.matmul(x).matmul(x);
      // Called once backward runs, of which the most is still to come.
      product.registerHook(() => void setImmediate(() => process.exit(7)));
      const done = product.sum().backward();
      const waiting = [x.data(), x.sum().backward()];
      process.once("exit", () => {
        console.log(inspect(done));
        for (const promise of [...waiting, x.data()]) console.log(inspect(promise).replaceAll(/\\s+/g, " "));
      });`;
    const { code, output } = await runModule(source);
    expect(code).to.equal(7);
    const [first, ...rest] = output.trim().split("\n");
    expect(first).to.equal("Promise { undefined }");
    expect(rest).to.have.length(3);
    for (const line of rest)
      expect(line).to.match(/^Promise { <rejected> .*AbortError.* ended before this work/);
  });

  it("the addon can be shut down before, which settles everything", async () => {
    const source = `
      ${BUSY}
      import { native } from "#lib/native/binding.js";
      const waiting = [x.data(), x.data()];
      native().shutdown();
      const settled = await Promise.allSettled([done, ...waiting, x.data()]);
      console.log(settled.map(({ status, reason }) => reason?.code ?? status).join());`;
    const { code, output } = await runModule(source);
    expect(code).to.equal(0);
    // The first may have begun by then.
    expect(output).to.match(/^(fulfilled|ERR_ABORTED),ERR_ABORTED,ERR_ABORTED,ERR_ABORTED\n$/);
  });

  it("numbers its jobs, so that one can be cancelled", async () => {
    const busy = keepBusy();
    const waiting = zeros([1]).data();
    const job = native().lastJob();
    const reason = new Error("not needed");
    expect(native().cancelJob(job, reason)).to.equal(true);
    expect(native().cancelJob(job, reason)).to.equal(false);
    expect(await waiting.catch((error: unknown) => error)).to.equal(reason);
    await busy;
  });
});
