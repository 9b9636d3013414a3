import { expect } from "chai";
import { once } from "node:events";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { tensor } from "mutual-channel-loss";
import { busy, BUSY, runModule, startWorker } from "../support/child.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { heldMemory, settledMemory } from "../support/memory.js";

/** How a process that ran well ended, with what it wrote. */
const done = (output: string, code = 0) => ({ code, signal: null, output, errors: "" });

describe("the addon's lifetime", () => {
  it("loads nothing native when the package is imported", async () => {
    const source = `
      import "mutual-channel-loss";
      import { readFileSync } from "node:fs";
      console.log(readFileSync("/proc/self/maps", "utf8").includes("libtorch"));`;
    expect(await runModule(source)).to.deep.equal(done("false\n"));
  });

  it("works through require as well, as the same module", async () => {
    const source = `
      import { createRequire } from "node:module";
      import { Tensor } from "mutual-channel-loss";
      const required = createRequire(process.cwd() + "/x.js")("mutual-channel-loss");
      console.log(required.Tensor === Tensor, required.tensor([1, 2]).sum().item());`;
    expect(await runModule(source)).to.deep.equal(done("true 3\n"));
  });

  it("says that the addon is missing where there is none, also to cuda.isAvailable()", async () => {
    const source = `
      import { cuda } from "mutual-channel-loss";
      try { cuda.isAvailable(); } catch ({ code, message }) { console.log(code, message.includes("mcloss setup")); }`;
    const { output } = await runModule(source, { env: { MCLOSS_ADDON: "/nowhere/mcloss.node" } });
    expect(output).to.equal("ERR_ADDON_MISSING true\n");
  });

  it("lets the process end by itself when idle", async () => {
    const source = `${BUSY} await done; console.log("done");`;
    expect(await runModule(source)).to.deep.equal(done("done\n"));
  });

  it("keeps the process alive until what was asked for is done", async () => {
    const source = `${BUSY} done.then(() => console.log("done"));`;
    expect(await runModule(source)).to.deep.equal(done("done\n"));
  });

  it("lets a worker end by itself when idle, and the next one start", async () => {
    for (let round = 0; round < 2; round += 1) {
      const [code] = (await once(startWorker(`${BUSY} await done;`), "exit")) as [number];
      expect(code).to.equal(0);
    }
  });

  it("survives process.exit and an uncaught error while it computes", async () => {
    const exit = await runModule(`${BUSY} setImmediate(() => process.exit(7));`);
    expect(exit).to.deep.equal(done("", 7));
    const thrown = await runModule(`${BUSY} setImmediate(() => { throw new Error("stop"); });`);
    expect(thrown.code).to.equal(1);
    expect(thrown.errors).to.match(/Error: stop/);
  });

  it("ends by SIGTERM at once, or as the program's own handler wants", async () => {
    const computing = `${BUSY} console.log("busy"); await done;`;
    const onOutput = (_: string, kill: (signal: NodeJS.Signals) => void): void => kill("SIGTERM");
    const killed = await runModule(computing, { onOutput });
    expect(killed).to.deep.equal({ code: null, signal: "SIGTERM", output: "busy\n", errors: "" });
    const handled = await runModule(`process.on("SIGTERM", () => process.exit(143)); ${computing}`, {
      onOutput,
    });
    expect(handled).to.deep.equal(done("busy\n", 143));
  });

  it("gives memory back to the collector when work yields to the event loop", async () => {
    const source = `
      import { memory } from "mutual-channel-loss";
      import { zeros } from "mutual-channel-loss/tensor";
      let peak = 0;
      for (let i = 0; i < 3000; i += 1) {
        await zeros([250_000]).data().catch(() => undefined);
        peak = Math.max(peak, memory().bytes);
      }
      // Of 3 GB in all; some 0.1 GB, and more where other programs have the cores that the collector's threads wait for.
      console.log(peak < 2e9);`;
    expect(await runModule(source)).to.deep.equal(done("true\n"));
  });

  it("reuses large blocks of memory, and keeps no more than 1 GiB of them", async () => {
    // Fresh memory is slow on some virtual machines.
    const source = `
      import { zeros } from "mutual-channel-loss/tensor";
      const resident = () => process.memoryUsage().rss / 2 ** 20;
      zeros([64, 2 ** 18]).dispose(); // also loads LibTorch
      const start = resident();
      for (let round = 0; round < 20; round += 1) zeros([64, 2 ** 18]).dispose();
      const reused = resident() - start;
      for (let round = 0; round < 30; round += 1) zeros([64 + round, 2 ** 18]).dispose();
      // Of 1,280 MiB; two blocks may be in use, and the system counts resident pages late.
      console.log(reused < 200, resident() - start < 1300);`;
    expect(await runModule(source)).to.deep.equal(done("true true\n"));
  });

  it("leaves the process's allocator, NNPACK and engine alone where it is told to", async () => {
    const settings = { MCLOSS_ALLOCATOR: "system", MCLOSS_NNPACK: "on", MCLOSS_ENGINE: "libtorch" };
    const code = `
      import { memory, tensor } from "mutual-channel-loss";
      import { checkpoint, zeros } from "mutual-channel-loss/tensor";
      const large = zeros([1 << 20]);
      const x = tensor([2], { requiresGrad: true });
      await checkpoint((y) => y.mul(y), x).sum().backward();
      console.log(large.shape[0], x.grad.item(), JSON.stringify(memory().allocators.cpu?.reserved ?? 0));`;
    const { output, errors } = await runModule(code, { env: settings });
    expect(output.trim(), errors).to.equal("1048576 4 0");
  });

  it("works beside a second copy of the addon, each refusing the other's tensors", async () => {
    const source = `
      import { McLossError, tensor } from "mutual-channel-loss";
      import { callbackRunner } from "#lib/native/callbacks.js";
      import { addonCandidates } from "#lib/addon/load.js";
      import { native } from "#lib/native/binding.js";
      import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
      import { createRequire } from "node:module";
      import { tmpdir } from "node:os";
      import { dirname, join } from "node:path";
      const first = native();
      const copy = mkdtempSync(join(tmpdir(), "mcloss-"));
      cpSync(dirname(addonCandidates().find((path) => existsSync(path))), copy, { recursive: true });
      const second = createRequire(import.meta.url)(join(copy, "mcloss.node"));
      rmSync(copy, { recursive: true });
      second.initialize({ errorClass: McLossError, ...callbackRunner(second) });
      const code = (action) => { try { return action(); } catch (error) { return error.code; } };
      const theirs = second.tensorFromData(Float32Array.of(1, 2), [2], "float32", "cpu", false, 0);
      console.log(code(() => first.describe(theirs)), code(() => first.dispose(theirs)));
      console.log(code(() => second.describe(tensor([1]).handle)));
      const both = await Promise.all([tensor([1, 2]).data(), second.data(theirs)]);
      console.log(both.join(" "), second.memory().tensors);
      second.dispose(theirs);
      console.log(second.memory().tensors);
      second.data(second.tensorFromData(new Float32Array(1e6), [1e6], "float32", "cpu", false, 0));
      process.exit(7);`;
    const output = "ERR_ARGUMENT ERR_ARGUMENT\nERR_ARGUMENT\n1,2 1,2 1\n0\n";
    expect(await runModule(source)).to.deep.equal(done(output, 7));
  });
});

describe("in worker threads", () => {
  const folder = temporaryFolder();

  const hasStarted = (worker: Worker): Promise<unknown> => once(worker, "message");
  const MID_STEP = `
    import { parentPort } from "node:worker_threads";
    ${busy(400)}
    const { memory } = await import("mutual-channel-loss");
    parentPort.postMessage(memory().tensors);
    await done;`;

  it("each has tensors of its own, and its termination is survived", async () => {
    const before = await settledMemory();
    const workers = [1, 2].map(() => startWorker(MID_STEP));
    const counts = (await Promise.all(workers.map(hasStarted))) as [number][];
    expect(counts.map(([count]) => count)).to.deep.equal([10, 10]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(heldMemory()).to.deep.equal(before);
    expect(tensor([1, 2]).sum().item()).to.equal(3);
  });

  it("50 of them may be terminated in the middle of a step", async () => {
    for (let round = 0; round < 10; round += 1) {
      const workers = Array.from({ length: 5 }, () => startWorker(MID_STEP));
      await Promise.all(workers.map(hasStarted));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    expect(tensor([1, 2]).sum().item()).to.equal(3);
  });

  it("an uncaught error or process.exit in the middle of a step ends the worker alone", async () => {
    const thrown = startWorker(`${BUSY} setImmediate(() => { throw new Error("stop"); });`);
    const [error] = (await once(thrown, "error")) as [Error];
    expect(error.message).to.equal("stop");
    const left = startWorker(`${BUSY} setImmediate(() => process.exit(7));`);
    expect(await once(left, "exit")).to.deep.equal([7]);
    expect(tensor([1, 2]).sum().item()).to.equal(3);
  });

  it("two trainings at once give what each gives alone", async () => {
    const images = await writeColorFolder(join(folder(), "colors"), 4);
    const source = `
      import { createHash } from "node:crypto";
      import { parentPort, workerData } from "node:worker_threads";
      import { DataLoader, ImageFolder, smallResNet, Trainer } from "mutual-channel-loss";
      import { normalize, randomHorizontalFlip, resize } from "mutual-channel-loss/data";
      const { images, seed } = workerData;
      const transforms = [resize(32), randomHorizontalFlip(), normalize()];
      const loader = new DataLoader(await ImageFolder.open(images), { batchSize: 4, shuffle: true, seed, transforms });
      const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, seed });
      for await (const event of new Trainer(model, { epochs: 4, seed }).fit(loader));
      const hash = createHash("sha256");
      for (const { tensor } of model.state()) hash.update(await tensor.data());
      parentPort.postMessage(hash.digest("hex"));`;
    const train = async (seed: number) => {
      const [hash] = (await once(startWorker(source, { images, seed }), "message")) as [string];
      return hash;
    };
    const alone = [await train(1), await train(2)];
    expect(alone[0]).to.not.equal(alone[1]);
    expect(await Promise.all([train(1), train(2)])).to.deep.equal(alone);
  });
});
