import { expect } from "chai";
import { once } from "node:events";
import { manualSeed, noGrad, tensor, type Tensor } from "mutual-channel-loss";
import { checkpoint, ones, ops, randn } from "mutual-channel-loss/tensor";
import { startWorker } from "../support/child.js";

/** Trains a network with dropout in a worker, from a seed, and tells its weights and what it draws afterwards. */
const TRAINING = `
  import { parentPort, workerData } from "node:worker_threads";
  import { manualSeed, Model, SGD, smallResNet } from "mutual-channel-loss";
  import { randn, randperm } from "mutual-channel-loss/tensor";
  const { spec } = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 16, width: 8 });
  const layers = spec.layers.flatMap((layer) =>
    layer.name === "flatten" ? [layer, { type: "dropout", name: "dropout" }] : [layer]);
  const model = new Model({ ...spec, layers }, { seed: 3 });
  const optimizer = new SGD([{ parameters: model.parameters() }], { learningRate: 0.05 });
  manualSeed(workerData);
  for (let step = 0; step < 60; step += 1) {
    const { logits } = await model.forward(randn([8, 3, 16, 16]));
    await optimizer.zeroGrad();
    await logits.pow(2).mean().backward();
    await optimizer.step();
  }
  const weights = await Promise.all(model.parameters().map((each) => each.data()));
  const drawn = [await randn([3]).data(), await randperm(5).data()];
  parentPort.postMessage([...weights, ...drawn].map((each) => [...each].map(String).join()).join(";"));
`;

async function trained(seed: number): Promise<string> {
  const worker = startWorker(TRAINING, seed);
  const [message] = (await once(worker, "message")) as [string];
  await worker.terminate();
  return message;
}

const dropped = (x: Tensor) => ops("aten::dropout", x, 0.5, true) as Tensor;

describe("the generator of an environment", () => {
  it("gives trainings with dropout in workers at once what each draws alone, bit for bit", async () => {
    const [first, second] = [await trained(1), await trained(2)];
    expect(first).not.to.equal(second);
    // What this thread draws meanwhile is its own too.
    const drawing = setInterval(() => randn([1000]).dispose(), 0);
    const together = await Promise.all([trained(1), trained(2)]);
    clearInterval(drawing);
    expect(together).to.deep.equal([first, second]);
  });

  it("repeats from its seed on this thread and on the native one", async () => {
    const draw = async (): Promise<number[]> => {
      manualSeed(5);
      const drawn = [randn([2]), ones([4]).bernoulli(), dropped(tensor([0.5, 1, 2, 3]))];
      return (await Promise.all(drawn.map((each) => each.data()))).flatMap((each) => [...each].map(Number));
    };
    expect(await draw()).to.deep.equal(await draw());
  });

  it("repeats in a checkpoint's second run", async () => {
    manualSeed(7);
    const x = ones([64], { requiresGrad: true });
    const y = checkpoint((input: Tensor) => dropped(input.mul(2)), x);
    const kept = await noGrad(() => y.div(2)).data();
    expect(new Set(Array.from(kept, Number))).to.deep.equal(new Set([0, 2]));
    await y.sum().backward();
    // 2 and 4 where it was kept.
    expect(await x.grad!.div(2).data()).to.deep.equal(kept);
  });
});
