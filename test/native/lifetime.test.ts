import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Worker } from "node:worker_threads";
import { memory, tensor, zeros } from "mutual-channel-loss";
import { settledMemory } from "../support/memory.js";

/** Runs a module's source in a process of its own. */
async function runModule(
  source: string,
  ...flags: string[]
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [...flags, "--input-type=module", "--eval", source]);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, output: output + errors };
}

/** A job that keeps the executor busy for a while. */
const BUSY = `
  import { tensor } from "mutual-channel-loss";
  const x = tensor(new Float32Array(1e6).fill(0.001), { shape: [1000, 1000], requiresGrad: true });
  let y = x;
  for (let i = 0; i < 8; i += 1) y = y.matmul(x);
  const done = y.sum().backward();
`;

describe("the addon's lifetime", () => {
  it("loads nothing native when the package is imported", async () => {
    const source = `
      import "mutual-channel-loss";
      import { readFileSync } from "node:fs";
      console.log(readFileSync("/proc/self/maps", "utf8").includes("libtorch"));`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "false\n" });
  });

  it("works through require as well, as the same module", async () => {
    const source = `
      import { createRequire } from "node:module";
      import { Tensor } from "mutual-channel-loss";
      const required = createRequire(process.cwd() + "/x.js")("mutual-channel-loss");
      console.log(required.Tensor === Tensor, required.tensor([1, 2]).sum().item());`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "true 3\n" });
  });

  it("lets the process end by itself when idle", async () => {
    const source = `${BUSY} await done; console.log("done");`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "done\n" });
  });

  it("keeps the process alive until what was asked for is done", async () => {
    const source = `${BUSY} done.then(() => console.log("done"));`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "done\n" });
  });

  it("survives process.exit and an uncaught error while it computes", async () => {
    const exit = await runModule(`${BUSY} setImmediate(() => process.exit(7));`);
    expect(exit).to.deep.equal({ code: 7, output: "" });
    const thrown = await runModule(`${BUSY} setImmediate(() => { throw new Error("stop"); });`);
    expect(thrown.code).to.equal(1);
    expect(thrown.output).to.match(/Error: stop/);
  });

  it("works in workers, each with tensors of its own, and survives their termination", async () => {
    const source = `
      import { parentPort } from "node:worker_threads";
      ${BUSY}
      const { memory } = await import("mutual-channel-loss");
      parentPort.postMessage(memory().tensors);
      await done;`;
    const before = await settledMemory();
    const workers = [1, 2].map(
      () => new Worker(new URL(`data:text/javascript,${encodeURIComponent(resolved(source))}`)),
    );
    const counts = await Promise.all(
      workers.map(async (worker) => (await once(worker, "message")) as [number]),
    );
    expect(counts.map(([count]) => count)).to.deep.equal([10, 10]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(memory()).to.deep.equal(before);
    expect(tensor([1, 2]).sum().item()).to.equal(3);
  });

  it("gives memory back to the collector when work yields to the event loop", async () => {
    const source = `
      import { memory, zeros } from "mutual-channel-loss";
      let peak = 0;
      for (let i = 0; i < 1500; i += 1) {
        await zeros([250_000]).data().catch(() => undefined);
        peak = Math.max(peak, memory().bytes);
      }
      console.log(peak < 500e6);`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "true\n" });
  });

  it("reuses large blocks of memory, and keeps no more than 1 GiB of them", async () => {
    const source = `
      import { zeros } from "mutual-channel-loss";
      const resident = () => process.memoryUsage().rss / 2 ** 20;
      zeros([64, 2 ** 18]).dispose(); // also loads LibTorch
      const start = resident();
      for (let round = 0; round < 20; round += 1) zeros([64, 2 ** 18]).dispose();
      const reused = resident() - start;
      for (let round = 0; round < 30; round += 1) zeros([64 + round, 2 ** 18]).dispose();
      console.log(reused < 100, resident() - start < 1300);`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "true true\n" });
  });

  it("keeps its memory over 2,000 training steps that dispose of nothing", async () => {
    const source = `
      import { SGD, tensor } from "mutual-channel-loss";
      const square = (value) => tensor(new Float32Array(16384).fill(value), { shape: [128, 128] });
      const weights = square(0.01).withGrad();
      const optimizer = new SGD([{ parameters: [weights] }], { learningRate: 1e-6 });
      const x = square(0.01);
      const resident = [];
      for (let step = 0; step < 2000; step += 1) {
        await x.matmul(weights).relu().sum().backward();
        await optimizer.step();
        await optimizer.zeroGrad();
        resident.push(process.memoryUsage().rss / 2 ** 20);
      }
      const mean = (from, to) => resident.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
      // What the steps make is 375 MiB in all. The collector's own swings are some ten.
      const growth = mean(1500, 2000) - mean(500, 1000);
      console.log(growth < 40 ? "flat" : growth);`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "flat\n" });
  });

  it("survives 50 workers that are terminated in the middle of a step", async function () {
    this.timeout(120_000);
    const source = `import { parentPort } from "node:worker_threads"; ${BUSY} parentPort.postMessage("busy"); await done;`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(resolved(source))}`);
    for (let round = 0; round < 10; round += 1) {
      const workers = Array.from({ length: 5 }, () => new Worker(url));
      await Promise.all(workers.map((worker) => once(worker, "message")));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    expect(tensor([1, 2]).sum().item()).to.equal(3);
  });

  it("works beside a second copy of the addon", async () => {
    const source = `
      import { tensor } from "mutual-channel-loss";
      import { addonCandidates } from "#lib/native/load.js";
      import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
      import { createRequire } from "node:module";
      import { tmpdir } from "node:os";
      import { dirname, join } from "node:path";
      console.log(tensor([1, 2]).sum().item());
      const copy = mkdtempSync(join(tmpdir(), "mcloss-"));
      cpSync(dirname(addonCandidates().find((path) => existsSync(path))), copy, { recursive: true });
      const second = createRequire(import.meta.url)(join(copy, "mcloss.node"));
      rmSync(copy, { recursive: true });
      console.log(second.torchVersion().compiled.length > 0, tensor([1, 2]).mul(2).sum().item());`;
    expect(await runModule(source)).to.deep.equal({ code: 0, output: "3\ntrue 6\n" });
  });

  it("rejects promises with typed errors, in the order of the calls", async () => {
    const order: string[] = [];
    const bad = zeros([2])
      .backward()
      .catch((error: unknown) => order.push((error as { code: string }).code));
    const good = zeros([2])
      .data()
      .then(() => order.push("data"));
    await Promise.all([bad, good]);
    expect(order).to.deep.equal(["ERR_TORCH", "data"]);
  });
});

/** A data: module cannot import by the package's name. */
function resolved(source: string): string {
  const entry = new URL("../../dist/index.js", import.meta.url).href;
  return source.replaceAll('"mutual-channel-loss"', JSON.stringify(entry));
}
