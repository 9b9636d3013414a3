import { expect } from "chai";
import { join } from "node:path";
import { DataLoader, ImageFolder } from "mutual-channel-loss";
import {
  colorMatrix,
  normalize,
  randomCrop,
  randomHorizontalFlip,
  resize,
  samplers,
  type DataLoaderOptions,
  type LoaderState,
} from "mutual-channel-loss/data";
import { caught } from "../support/errors.js";
import { makeFolder, removeFolder, write, writeGreys } from "../support/image-files.js";

const TRANSFORMS = [
  resize(8),
  randomCrop({ padding: 2 }),
  randomHorizontalFlip(),
  colorMatrix({ contrast: 0.5, gain: 0.3 }),
  normalize(),
];

interface Seen {
  paths: readonly string[];
  images: number[];
  state: LoaderState;
}

/** What the loader yields in its next two epochs, with its state after each batch. */
async function read(loader: DataLoader, epochs = 2): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    for await (const batch of loader) {
      const images = [...(await batch.images.data())].map(Number);
      seen.push({ paths: batch.paths, images, state: loader.state() });
      batch.dispose();
    }
  }
  return seen;
}

describe("DataLoader.restore()", () => {
  let dir: string;
  let folder: ImageFolder;
  before(async () => {
    dir = await makeFolder();
    await writeGreys(dir, 11);
    await write(join(dir, "b", "03.png"), "no image");
    await write(join(dir, "a", "06.png"), "no image either");
    folder = await ImageFolder.open(dir);
  });
  after(() => removeFolder(dir));

  const load = (options: Partial<DataLoaderOptions> = {}) =>
    new DataLoader(folder, { batchSize: 2, transforms: TRANSFORMS, onBadImage: "skip", seed: 5, ...options });

  const orders: Partial<DataLoaderOptions>[] = [
    { shuffle: true },
    { sampler: samplers.classBalanced() },
    { sampler: samplers.distributed(1, 2) },
  ];
  for (const options of orders) {
    it(`goes on exactly, after any batch: ${JSON.stringify(options)}`, async () => {
      const uninterrupted = await read(load(options));
      const perEpoch = uninterrupted.filter(({ state }) => state.epoch === 0).length;
      for (let done = 1; done <= perEpoch; done += 1) {
        const state = JSON.parse(JSON.stringify(uninterrupted[done - 1]!.state)) as LoaderState;
        const resumed = load({ ...options, seed: 0, prefetch: done % 3 });
        resumed.restore(state);
        expect(await read(resumed), `after ${done} batches`).to.deep.equal(uninterrupted.slice(done));
      }
    });
  }

  it("goes on where an iteration was left", async () => {
    const loader = load({ shuffle: true });
    const expected = await read(load({ shuffle: true }), 1);
    for await (const batch of loader) {
      batch.dispose();
      break;
    }
    const resumed = load({ shuffle: true });
    resumed.restore(loader.state());
    expect(await read(resumed, 1)).to.deep.equal(expected.slice(1));
  });

  it("begins the next epoch after the last batch", async () => {
    const loader = load({ shuffle: true });
    await read(loader, 1);
    expect(loader.state()).to.deep.include({ epoch: 1, position: 0 });
  });

  it("keeps its place where the epoch is set to the restored one, and begins another from the start", async () => {
    const loader = load();
    const expected = await read(load(), 1);
    loader.restore(expected[0]!.state);
    loader.epoch = 0;
    expect(await read(loader, 1)).to.deep.equal(expected.slice(1));
    loader.restore(expected[0]!.state);
    loader.epoch = 3;
    expect(await read(loader, 1)).to.have.length(expected.length);
  });

  it("rejects what is no state, or of another data set", () => {
    const state = load().state();
    const cases: [unknown, RegExp][] = [
      [{ ...state, position: -1 }, /^position/],
      [{ ...state, skipped: [{ index: 0 }] }, /^skipped\[0\]/],
      [{}, /^epoch/],
      [{ ...state, samples: 12 }, /12 images.*11/],
    ];
    for (const [bad, message] of cases) {
      const error = caught(() => load().restore(bad as LoaderState));
      expect(error).to.include({ code: "ERR_ARGUMENT" });
      expect(error.message).to.match(message);
    }
  });
});
