import { expect } from "chai";
import { join } from "node:path";
import { DataLoader, ImageFolder, manualSeed, smallResNet, Trainer, type Model } from "mutual-channel-loss";
import { normalize, randomHorizontalFlip, resize, type DataLoaderOptions } from "mutual-channel-loss/data";
import { randn } from "mutual-channel-loss/tensor";
import { numbersOf } from "../support/fixtures.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { networkOf } from "../support/run.js";

const folder = temporaryFolder();
let images: ImageFolder;

before(async () => {
  images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors")));
});

const transforms = [resize(32), randomHorizontalFlip(), normalize()];

function loaderOf(options: Partial<DataLoaderOptions> = {}): DataLoader {
  return new DataLoader(images, { batchSize: 8, shuffle: true, transforms, ...options });
}

async function weightsOf(model: Model): Promise<number[]> {
  return (await Promise.all(model.parameters().map(numbersOf))).flat();
}

/** Weights after an epoch of a network with dropout, and the files in the order in which they were seen. */
async function train(seed: number, loader = loaderOf()) {
  const order: string[] = [];
  const read = loader.batches.bind(loader);
  loader.batches = async function* (options) {
    for await (const batch of read(options)) {
      for (const path of batch.paths) order.push(path);
      yield batch;
    }
  };
  using model = networkOf(images);
  using trainer = new Trainer(model, { epochs: 1, loss: "ce", seed, optimizer: { learningRate: 0.01 } });
  await trainer.fit(loader);
  return { weights: await weightsOf(model), order };
}

describe("a trainer's seed", () => {
  it("is all that a run with dropout and augmentation draws from, whatever was drawn before it", async () => {
    const first = await train(5);
    manualSeed(99);
    randn([7]).dispose();
    const again = await train(5);
    const other = await train(6);
    expect(again).to.deep.equal(first);
    expect(other.order).to.not.deep.equal(first.order);
    expect(other.order.toSorted()).to.deep.equal(first.order.toSorted());
  });

  it("is that of the first weights of a model without one, and not of one that has it or was used", async () => {
    const first = async (seed: number, own?: number, use?: boolean) => {
      using model = smallResNet({ classes: 3, inputSize: 32, width: 8, seed: own });
      if (use) model.parameters();
      new Trainer(model, { seed }).dispose();
      return await weightsOf(model);
    };
    expect(await first(2)).to.deep.equal(await first(0, 2));
    expect(await first(2)).to.not.deep.equal(await first(0));
    expect(await first(2, 0)).to.deep.equal(await first(0));
    expect(await first(2, undefined, true)).to.deep.equal(await first(0));
  });

  it("leaves the order to a loader that was given a seed of its own", async () => {
    const [first, other] = [await train(5, loaderOf({ seed: 3 })), await train(6, loaderOf({ seed: 3 }))];
    expect(other.order).to.deep.equal(first.order);
    // Dropout draws from the trainer's.
    expect(other.weights).to.not.deep.equal(first.weights);
    const alone: string[] = [];
    for await (const batch of loaderOf({ seed: 3 })) {
      for (const path of batch.paths) alone.push(path);
      batch.dispose();
    }
    expect(first.order).to.deep.equal(alone);
  });
});
