import { expect } from "chai";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { DataLoader, ImageFolder, memory, type Dataset } from "mutual-channel-loss";
import {
  normalize,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  colorMatrix,
  resize,
  type DataLoaderOptions,
} from "mutual-channel-loss/data";
import { settledMemory } from "../support/memory.js";
import { caught, rejected } from "../support/errors.js";
import {
  halves,
  makeFolder,
  plain,
  removeFolder,
  truncatedJpeg,
  write,
  writeGreys,
} from "../support/image-files.js";
import { maximum } from "#lib/extremes.js";

const RAW = [resize(8), normalize({ mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] })];
const RANDOM = [
  resize(8),
  randomCrop({ padding: 2 }),
  randomHorizontalFlip(),
  randomAffine({ degrees: 20 }),
  colorMatrix({ contrast: 0.5, gain: 0.3 }),
  normalize(),
];

interface Seen {
  paths: readonly string[];
  labels: number[];
  images: number[];
}

/** Everything an epoch yields. */
async function read(loader: DataLoader): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const batch of loader) {
    const labels = [...(await batch.labels.data())].map(Number);
    seen.push({ paths: batch.paths, labels, images: [...(await batch.images.data())].map(Number) });
    batch.dispose();
  }
  return seen;
}

describe("DataLoader", () => {
  let dir: string;
  let folder: ImageFolder;
  before(async () => {
    dir = await makeFolder();
    await writeGreys(dir, 11);
    folder = await ImageFolder.open(dir);
  });
  after(() => removeFolder(dir));

  const load = (options: Partial<DataLoaderOptions> = {}, dataset: Dataset = folder) =>
    new DataLoader(dataset, { batchSize: 4, transforms: RAW, ...options });
  const pathsOf = async (loader: DataLoader) => (await read(loader)).map(({ paths }) => paths);

  it("yields float32 NCHW images and int64 labels in the dataset's order", async () => {
    const loader = load();
    expect(loader.length).to.equal(3);
    const sizes: number[] = [];
    for await (const batch of loader) {
      expect(batch.images.shape).to.deep.equal([batch.size, 3, 8, 8]);
      expect([batch.images.dtype, batch.labels.dtype]).to.deep.equal(["float32", "int64"]);
      sizes.push(batch.size);
      batch.dispose();
    }
    expect(sizes).to.deep.equal([4, 4, 3]);
    const [first] = await read(loader);
    expect(first?.labels).to.deep.equal([0, 0, 0, 0]);
    expect(first?.paths).to.deep.equal(folder.samples.slice(0, 4).map(({ path }) => path));
    expect([0, 1, 2, 3].map((i) => Math.round(first!.images[i * 192]!))).to.deep.equal([0, 20, 40, 60]);
  });

  it("normalises channel by channel", async () => {
    const colors = join(dir, "..", `${dir}-colors`);
    await write(join(colors, "x", "1.png"), await plain([255, 51, 0]).png().toBuffer());
    const transforms = [resize(8), normalize({ mean: [0.5, 0.2, 0.1], std: [0.5, 0.1, 0.2] })];
    const [batch] = await read(load({ transforms }, await ImageFolder.open(colors)));
    await removeFolder(colors);
    expect(
      batch?.images.filter((_, i) => i % 64 === 0).map((x) => Math.round(x * 100) / 100 + 0),
    ).to.deep.equal([1, 0, -0.5]);
  });

  it("moves and mirrors pixels as the geometry says, and fills what comes in", async () => {
    const sides = join(dir, "..", `${dir}-sides`);
    await write(join(sides, "x", "1.png"), await (await halves([0, 0, 0], [255, 255, 255])).png().toBuffer());
    const dataset = await ImageFolder.open(sides);
    const row = async (transforms: DataLoaderOptions["transforms"]) =>
      (await read(load({ transforms }, dataset)))[0]!.images.slice(32, 40).map(Math.round);
    expect(await row([RAW[0]!, randomHorizontalFlip(1), RAW[1]!])).to.deep.equal([
      255, 255, 255, 255, 0, 0, 0, 0,
    ]);
    const shrunk = randomAffine({ scale: [0.5, 0.5], fill: [100, 100, 100] });
    const half = await row([RAW[0]!, shrunk, RAW[1]!]);
    await removeFolder(sides);
    expect(half.slice(0, 2)).to.deep.equal([100, 100]);
    expect(half[2]).to.be.lessThan(half[5]!);
    expect(half.slice(6)).to.deep.equal([100, 100]);
  });

  it("gives the same batches for the same seed, whatever the prefetching and the cache", async () => {
    const shared = { shuffle: true, seed: 3, transforms: RANDOM };
    const expected = await read(load(shared));
    expect(await read(load({ ...shared, prefetch: 0, cacheBytes: 0 }))).to.deep.equal(expected);
    expect(await read(load({ ...shared, prefetch: 9 }))).to.deep.equal(expected);
    expect(await read(load({ ...shared, seed: 4 }))).to.not.deep.equal(expected);
  });

  it("augments a sample alike in batches of another size", async () => {
    const small = await read(load({ transforms: RANDOM, batchSize: 1 }));
    const large = await read(load({ transforms: RANDOM, batchSize: 11 }));
    const difference = small
      .flatMap(({ images }) => images)
      .map((value, i) => Math.abs(value - large[0]!.images[i]!));
    expect(maximum(difference)).to.be.lessThan(1e-5);
  });

  it("shuffles each epoch anew, and the same way where the epoch is set back", async () => {
    const loader = load({ shuffle: true });
    const first = await pathsOf(loader);
    const second = await pathsOf(loader);
    expect(second).to.not.deep.equal(first);
    expect(second.flat().sort()).to.deep.equal(first.flat().sort());
    expect(loader.epoch).to.equal(2);
    loader.epoch = 0;
    expect(await pathsOf(loader)).to.deep.equal(first);
  });

  it("augments each epoch anew also without shuffling", async () => {
    const loader = load({ transforms: RANDOM });
    expect((await read(loader))[0]?.images).to.not.deep.equal((await read(loader))[0]?.images);
  });

  it("leaves out a last batch that is not full with dropLast", async () => {
    const loader = load({ dropLast: true });
    expect(loader.length).to.equal(2);
    expect((await pathsOf(loader)).map((paths) => paths.length)).to.deep.equal([4, 4]);
  });

  it("decodes images once where they fit the cache", async () => {
    const copy = await makeFolder();
    await writeGreys(copy, 4);
    const loader = load({}, await ImageFolder.open(copy));
    const first = await read(loader);
    await removeFolder(copy);
    expect(await read(loader)).to.deep.equal(first);
  });

  it("keeps no tensor when the consumer leaves early or throws", async () => {
    const before = (await settledMemory()).tensors;
    for await (const batch of load({ batchSize: 1, prefetch: 4 })) {
      batch.dispose();
      break;
    }
    const leave = async () => {
      for await (const batch of load({ batchSize: 1, prefetch: 4 })) {
        batch.dispose();
        throw new Error("enough");
      }
    };
    expect(await leave().catch(String)).to.equal("Error: enough");
    expect(memory().tensors).to.equal(before);
  });

  it("gives images in the dtype that is asked for, of the same numbers rounded once", async () => {
    const epoch = async (transforms: DataLoaderOptions["transforms"], dtype: "float32" | "bfloat16") => {
      const images: Float32Array[] = [];
      for await (const batch of new DataLoader(folder, { batchSize: 3, transforms, seed: 4, dtype })) {
        expect(batch.images.dtype).to.equal(dtype);
        using rounded = batch.images.to("bfloat16");
        images.push((await rounded.data()) as Float32Array);
        batch.dispose();
      }
      return images;
    };
    for (const transforms of [RAW, RANDOM]) {
      expect(await epoch(transforms, "bfloat16")).to.deep.equal(await epoch(transforms, "float32"));
    }
  });

  describe("with bad images", () => {
    let broken: string;
    beforeEach(async () => {
      broken = await makeFolder();
      await writeGreys(broken, 8);
      await write(join(broken, "a", "04.png"), await truncatedJpeg());
      await write(join(broken, "b", "01.png"), "");
    });
    afterEach(() => removeFolder(broken));

    it("throws for the first in order, naming it, and leaves nothing behind", async () => {
      const before = (await settledMemory()).tensors;
      const dataset = await ImageFolder.open(broken);
      const error = await rejected(read(load({ batchSize: 1 }, dataset)));
      expect(error).to.include({ code: "ERR_IMAGE", path: join(broken, "a", "04.png") });
      expect(memory().tensors).to.equal(before);
    });

    it("skips and lists each once, over any number of epochs, where asked to", async () => {
      const loader = load({ onBadImage: "skip", batchSize: 3 }, await ImageFolder.open(broken));
      for (const epoch of [0, 1]) expect((await pathsOf(loader)).flat(), `epoch ${epoch}`).to.have.length(6);
      expect(loader.skipped.map(({ path }) => path)).to.deep.equal([
        join(broken, "a", "04.png"),
        join(broken, "b", "01.png"),
      ]);
      for (const { reason } of loader.skipped) expect(reason).to.be.a("string").that.is.not.empty;
    });

    it("says so when no image can be read, instead of yielding nothing", async () => {
      const dataset = await ImageFolder.open(broken);
      await rm(join(broken), { recursive: true });
      const error = await rejected(read(load({ onBadImage: "skip" }, dataset)));
      expect(error.code).to.equal("ERR_DATASET");
    });
  });

  it("rejects labels out of range even where bad images are skipped, naming the sample", async () => {
    const dataset = (label: number): Dataset => ({
      length: 1,
      classes: ["only"],
      sample: () => ({ path: folder.sample(0).path, label }),
    });
    for (const label of [1, -1, 0.5]) {
      const error = await rejected((async () => read(load({ onBadImage: "skip" }, dataset(label))))());
      expect(error).to.include({ code: "ERR_DATASET", path: folder.sample(0).path });
      expect(error.message).to.match(/sample 0/);
    }
  });

  it("rejects options out of range, naming them", () => {
    const cases: [Partial<DataLoaderOptions>, string][] = [
      [{ batchSize: 0 }, "batchSize"],
      [{ batchSize: 2.5 }, "batchSize"],
      [{ prefetch: -1 }, "prefetch"],
      [{ seed: -1 }, "seed"],
      [{ cacheBytes: -1 }, "cacheBytes"],
      [{ onBadImage: "ignore" as "skip" }, "onBadImage"],
      [{ device: "gpu" as "cpu" }, "device"],
    ];
    for (const [options, argument] of cases) {
      expect(
        caught(() => load(options)),
        argument,
      ).to.include({ code: "ERR_ARGUMENT", argument });
    }
  });

  it("rejects a dataset that gives no batch", () => {
    const empty: Dataset = { length: 0, classes: ["x"], sample: () => ({ path: "", label: 0 }) };
    expect(caught(() => load({}, empty)).code).to.equal("ERR_DATASET");
    expect(caught(() => load({ batchSize: 12, dropLast: true })).message).to.match(/batchSize|dropLast/);
  });
});
