import { expect } from "chai";
import { setImmediate as nextTask } from "node:timers/promises";
import { join } from "node:path";
import {
  ChannelGroups,
  cuda,
  DataLoader,
  evaluate,
  ImageFolder,
  mcLoss,
  memory,
  noGrad,
  predict,
  SGD,
  smallResNet,
  Tensor,
  tensor,
  tidy,
  Trainer,
} from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import {
  debugMemory,
  emptyCache,
  Generator,
  grad,
  ops,
  type UndisposedTensor,
} from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { runModule } from "../support/child.js";
import { caught } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { collectGarbage, heldMemory, settledMemory, type HeldMemory } from "../support/memory.js";

/** Unlike zeros(), without a typed array, which Node counts as external memory too. */
function floats(...shape: number[]): Tensor {
  return ops("aten::zeros", shape) as Tensor;
}

describe("memory()", () => {
  let before: HeldMemory;
  beforeEach(async () => {
    before = await settledMemory();
  });
  const bytes = (): number => memory().bytes - before.bytes;

  it("counts bytes by device, each storage once, whole, while one of its tensors is there", () => {
    const x = floats(100, 10);
    const views = [x.at(0), x.t(), x.detach()];
    x.dispose();
    expect(memory().tensors - before.tensors).to.equal(3);
    expect(bytes()).to.equal(4000);
    expect(memory().bytesByDevice["cpu"]! - (before.bytesByDevice["cpu"] ?? 0)).to.equal(4000);
    views.forEach((view) => view.dispose());
    expect(heldMemory()).to.deep.equal(before);
  });

  it("follows a storage that is resized, in place or as the result of an operator", () => {
    const x = floats(10);
    const again = ops("aten::resize_", x, [1000]) as Tensor;
    expect(bytes()).to.equal(4000);
    const out = floats(0);
    const sum = ops("aten::add.out", x, x, { out }) as Tensor;
    expect(bytes()).to.equal(8000);
    [again, sum, out, x].forEach((each) => each.dispose());
    expect(heldMemory()).to.deep.equal(before);
  });

  it("follows a tensor that gets another storage, and forgets the one it had", () => {
    const [x, y] = [floats(10), floats(1000)];
    ops("aten::set_data", x, y);
    expect(bytes()).to.equal(4000);
    y.dispose();
    expect(bytes()).to.equal(4000);
    const z = floats(20);
    (ops("aten::set_.source_Tensor", z, x) as Tensor).dispose();
    expect(bytes()).to.equal(4000);
    // Storages come and go where the old ones were.
    for (let i = 0; i < 20; i += 1) {
      const w = floats(10 * (i + 1));
      expect(bytes()).to.equal(4000 + 40 * (i + 1));
      w.dispose();
    }
    [x, z].forEach((each) => each.dispose());
    expect(heldMemory()).to.deep.equal(before);
  });

  it("counts what models and optimizers hold, whether or not their tensors were asked for", async () => {
    const options = { classes: 3, inputSize: 32, width: 8 };
    const weights = smallResNet(options);
    const size = weights.state().reduce((sum, { tensor: { shape, dtype } }) => {
      return sum + shape.reduce((a, b) => a * b, dtype === "int64" ? 8 : 4);
    }, 0);
    // Statistics lie side by side in one block, each at a multiple of 64 bytes.
    const held = bytes();
    expect(held).to.be.within(size, size + 64 * weights.state().length);
    expect(memory().tensors - before.tensors).to.equal(weights.state().length);
    weights.dispose();
    expect(heldMemory()).to.deep.equal(before);

    const model = smallResNet(options);
    await model.to("cpu");
    expect(bytes()).to.equal(held);
    const parameters = model.parameters();
    const optimizer = new SGD([{ parameters }], { learningRate: 1, momentum: 0.9 });
    const trained = parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 4), 0);
    expect(bytes()).to.equal(held + trained);
    [optimizer, model].forEach((each) => each.dispose());
    expect(heldMemory()).to.deep.equal(before);
  });

  it("counts no memory for tensors of shapes alone, nor for sparse ones' lack of one", () => {
    const shapeOnly = ops("aten::empty.memory_format", [1e12], { device: "meta" }) as Tensor;
    expect(bytes()).to.equal(0);
    shapeOnly.dispose();
    const sparse = ops("aten::to_sparse", floats(3)) as Tensor;
    sparse.dispose();
  });

  it("has the figures of the CPU's allocator, which emptyCache() brings down to what is in use", () => {
    const figures = () => memory().allocators["cpu"]!;
    emptyCache();
    const start = figures();
    const x = floats(8, 2 ** 18);
    expect(figures().allocated - start.allocated).to.equal(8 * 2 ** 20);
    expect(figures().peak).to.be.at.least(figures().allocated);
    x.dispose();
    expect(figures().allocated).to.equal(start.allocated);
    expect(figures().reserved - start.reserved).to.equal(8 * 2 ** 20);
    emptyCache();
    expect(figures().reserved).to.equal(figures().allocated);
  });

  it("keeps blocks of some hundred KiB too, which are not faulted in again", () => {
    const use = () => floats(230_000).dispose();
    for (let i = 0; i < 10; i += 1) use();
    const before = process.resourceUsage().minorPageFault;
    for (let i = 0; i < 100; i += 1) use();
    // 225 pages each, were they new.
    expect(process.resourceUsage().minorPageFault - before).to.be.below(100 * 20);
  });

  it("keeps as much as the last training step had in use, and 1 GiB when training is over", async () => {
    const kept = () => memory().allocators["cpu"]!.reserved - memory().allocators["cpu"]!.allocated;
    const GIB = 2 ** 30;
    // Empty memory: no page of it is touched.
    const useMuch = () => {
      const blocks = [1, 2, 3].map(() => ops("aten::empty.memory_format", [GIB / 8]) as Tensor);
      blocks.forEach((block) => block.dispose());
    };
    emptyCache();
    useMuch();
    expect(kept()).to.be.at.most(GIB);
    const optimizer = new SGD([{ parameters: [floats(10).withGrad()] }], { learningRate: 1 });
    useMuch();
    await optimizer.step();
    useMuch();
    expect(kept()).to.equal(1.5 * GIB);
    await optimizer.step();
    await optimizer.step();
    expect(kept()).to.be.at.most(GIB);
    useMuch();
    await optimizer.step();
    useMuch();
    optimizer.dispose();
    expect(kept()).to.be.at.most(GIB);
    emptyCache();
  });

  it("has those of a GPU that is used", async function () {
    if (!cuda.isAvailable()) {
      expect(Object.keys(memory().allocators)).to.deep.equal(["cpu"]);
      this.skip(); // no GPU
    }
    const x = floats(8, 2 ** 18).to("cuda");
    const { allocated, reserved, peak } = memory().allocators["cuda:0"]!;
    expect(allocated).to.be.at.least(8 * 2 ** 20);
    expect([reserved, peak].every((figure) => figure >= allocated)).to.equal(true);
    expect(memory().bytesByDevice["cuda:0"]! - (before.bytesByDevice["cuda:0"] ?? 0)).to.equal(8 * 2 ** 20);
    x.dispose();
    await collectGarbage();
    emptyCache();
    expect(memory().allocators["cuda:0"]!.reserved).to.be.below(reserved);
  });
});

describe("tensors and typed arrays", () => {
  it("share no memory", async () => {
    const x = tensor([1, 2]);
    const data = await x.data();
    data[0] = 9;
    expect(await x.data()).to.deep.equal(Float32Array.of(1, 2));
  });

  it("are copied from any view, of shared memory too, and refused where the memory is gone", async () => {
    const shared = new Float32Array(new SharedArrayBuffer(16), 4, 2);
    shared.set([3, 4]);
    expect(await tensor(shared).data()).to.deep.equal(Float32Array.of(3, 4));
    const detached = Float32Array.of(1, 2);
    structuredClone(detached, { transfer: [detached.buffer] });
    expect(caught(() => tensor(detached, { shape: [2] })).code).to.equal("ERR_SHAPE");
  });
});

describe("a handle", () => {
  it("is known by its native tag, whatever its prototype says", () => {
    const generator = new Generator(1);
    expect(() => Reflect.get(Tensor.prototype, "shape", generator) as unknown).to.throw(TypeError);
    const wrong = (handle: unknown): unknown => native().describe(handle as never);
    for (const value of [generator.handle, {}, null, 1, Object.create(Tensor.prototype), tensor([1])]) {
      const error = caught(() => wrong(value));
      expect(error).to.include({ code: "ERR_ARGUMENT", argument: "tensor" });
      expect(error.message).to.match(/tensor must be a Tensor/);
    }
  });
});

describe("debugMemory()", () => {
  const folder = temporaryFolder();
  afterEach(() => debugMemory(false));

  function makeAndForget(): void {
    floats(2, 3).add(1);
  }

  it("reports what is collected without dispose(), with the stack that made it", async () => {
    const reports: UndisposedTensor[] = [];
    debugMemory((tensor) => reports.push(tensor));
    makeAndForget();
    floats(7).dispose();
    const held = floats(8);
    await collectGarbage();
    expect(reports).to.have.length(2);
    for (const { stack, ...rest } of reports) {
      expect(rest).to.deep.equal({ shape: [2, 3], dtype: "float32", device: "cpu", bytes: 24 });
      expect(stack).to.match(/makeAndForget .*memory\.test\.[jt]s/);
      expect(stack).to.not.contain("/dist/");
    }
    held.dispose();
  });

  it("reports nothing that a tidy() freed, nor anything once it is off", async () => {
    const reports: UndisposedTensor[] = [];
    debugMemory((tensor) => reports.push(tensor));
    tidy(makeAndForget);
    await collectGarbage();
    debugMemory(false);
    makeAndForget();
    await collectGarbage();
    expect(reports).to.deep.equal([]);
  });

  it("warns once per stack where the environment asks for it", async () => {
    const source = `
      import { ops } from "mutual-channel-loss/tensor";
      function leak() { ops("aten::zeros", [2, 3]); }
      for (let i = 0; i < 3; i += 1) leak();
      gc();
      await new Promise(setImmediate);
      gc();
      await new Promise(setImmediate);`;
    const flags = ["--expose-gc"];
    const { errors } = await runModule(source, { flags, env: { MCLOSS_DEBUG_MEMORY: "1" } });
    expect(errors.match(/MCLOSS_UNDISPOSED/g)).to.have.length(1);
    expect(errors).to.match(/MemoryWarning: a tensor, float32 \[2, 3\] on cpu \(24 bytes\), was collected/);
    expect(errors).to.match(/at leak /);
    expect((await runModule(source, { flags })).errors).to.equal("");
  });

  it("finds nothing that the package itself left behind", async () => {
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors"), 2));
    const transforms = [resize(32), normalize()];
    const reports: UndisposedTensor[] = [];
    debugMemory((tensor) => reports.push(tensor));

    await (async () => {
      using x = floats(2, 6, 4, 4);
      using leaf = x.withGrad();
      using labels = tensor(Int32Array.of(0, 1), { dtype: "int64" });
      const { loss, ...terms } = mcLoss(leaf, labels, { groups: ChannelGroups.uniform(2, 3) });
      await loss.backward();
      leaf.grad?.dispose();
      x.setAt(1, 0, 0);
      using part = x.at(0, "...");
      await part.data();
      using square = leaf.square();
      using total = square.sum();
      for (const gradient of await grad(total, [leaf])) gradient?.dispose();
      [loss, ...Object.values(terms)].forEach((term) => term.dispose());
    })();

    await (async () => {
      const info = { classNames: images.classes, normalization: normalize() };
      const options = { classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, info };
      using model = smallResNet(options);
      using other = smallResNet({ ...options, seed: 1 });
      const state = Object.fromEntries(other.state().map(({ name, tensor: value }) => [name, value]));
      model.loadStateDict(state);
      const trainer = new Trainer(model, { epochs: 2 });
      const loader = new DataLoader(images, { batchSize: 2, transforms, shuffle: true });
      for await (const event of trainer.fit(loader)) expect(event.type).to.be.oneOf(["step", "epoch"]);
      await evaluate(model, loader);
      for await (const { top } of predict(model, [images.sample(0).path])) expect(top).to.have.length(3);
      model.eval();
      const { features, logits } = await noGrad(() => model.forward(floats(1, 3, 32, 32)));
      [features, logits].forEach((each) => each.dispose());
    })();

    await nextTask();
    await collectGarbage();
    // The input of forward() above is this test's own.
    const theirs = reports.filter(({ shape }) => shape.join() !== "1,3,32,32");
    expect(theirs.map(({ shape, stack }) => `[${shape.join()}] ${stack}`)).to.deep.equal([]);
  });
});
