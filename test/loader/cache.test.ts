import { expect } from "chai";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_KINDS, cacheSettings, describeCacheCost } from "#lib/loader/cache-kind.js";
import { DataLoader, ImageFolder, type TransformSpec } from "mutual-channel-loss";
import {
  normalize,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  resize,
  tenCrop,
  type DataLoaderOptions,
} from "mutual-channel-loss/data";
import sharp from "sharp";
import { caught } from "../support/errors.js";
import { makeFolder, removeFolder, write } from "../support/image-files.js";

const PIPELINES: Record<string, TransformSpec[]> = {
  "a random crop of what every epoch resizes alike": [resize(40), randomCrop(32), randomHorizontalFlip()],
  "a random crop of a padded image": [resize({ height: 40, width: 40 }), randomCrop(32, { padding: 4 })],
  "a random part, resized": [randomResizedCrop(24)],
  "a random part, with the nearest pixels": [randomResizedCrop(24, { interpolation: "nearest" })],
  "a random part of what is much larger": [randomResizedCrop(8)],
  "a random part, enlarged": [randomResizedCrop(300)],
  "a crop of images of their own size": [randomCrop(50)],
  "the same pixels": [resize({ height: 200, width: 160 })],
  "ten crops": [resize(40), tenCrop(32)],
};

describe("a loader's cache", () => {
  let dir: string;
  let cacheDir: string;
  before(async () => {
    dir = await makeFolder();
    const noise = (width: number, height: number) =>
      sharp({
        create: {
          width,
          height,
          channels: 3,
          background: "#888",
          noise: { type: "gaussian", mean: 128, sigma: 60 },
        },
      }).blur(2);
    await write(join(dir, "a", "0.jpg"), await noise(333, 251).jpeg().toBuffer());
    await write(join(dir, "a", "1.png"), await noise(120, 90).png().toBuffer());
    await write(
      join(dir, "b", "2.jpg"),
      await noise(200, 260).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    );
    await write(join(dir, "b", "3.webp"), await noise(90, 60).webp({ lossless: true }).toBuffer());
  });
  beforeEach(() => {
    cacheDir = `${dir}-cache`;
  });
  afterEach(() => rm(cacheDir, { recursive: true, force: true }));
  after(() => removeFolder(dir));

  const open = async (transforms: TransformSpec[], options: Partial<DataLoaderOptions> = {}) =>
    new DataLoader(await ImageFolder.open(dir), {
      batchSize: 4,
      transforms: [...transforms, normalize()],
      shuffle: true,
      seed: 3,
      ...options,
    });
  const epochs = async (loader: DataLoader, count = 3) => {
    const all: Float32Array[] = [];
    for (let epoch = 0; epoch < count; epoch += 1) {
      for await (const batch of loader) {
        all.push((await batch.images.data()) as Float32Array);
        batch.dispose();
      }
    }
    return all;
  };

  for (const [name, transforms] of Object.entries(PIPELINES)) {
    it(`changes no bit of any epoch: ${name}`, async () => {
      const plain = await epochs(await open(transforms, { cacheBytes: 0 }));
      for (const cache of CACHE_KINDS) {
        const options = { cache, diskCache: { dir: cacheDir } };
        expect(await epochs(await open(transforms, options)), cache).to.deep.equal(plain);
        // What another run has left, with no memory beside it.
        expect(await epochs(await open(transforms, { ...options, cacheBytes: 0 })), cache).to.deep.equal(
          plain,
        );
      }
      // Of four images there is room for one or two.
      const small = await open(transforms, { cache: "ram", cacheBytes: 100_000 });
      expect(await epochs(small)).to.deep.equal(plain);
    });
  }

  it("reads no image again that it has", async () => {
    const transforms = PIPELINES["a random part, resized"]!;
    const copy = await makeFolder();
    try {
      for (const name of ["a", "b"])
        await write(join(copy, name, "0.png"), await sharp(join(dir, "a", "1.png")).toBuffer());
      const images = await ImageFolder.open(copy);
      const options = { batchSize: 2, transforms: [...transforms, normalize()], cache: "ram" } as const;
      const loader = new DataLoader(images, options);
      await epochs(loader, 1);
      await removeFolder(copy);
      expect(await epochs(loader, 2)).to.have.length(2);
    } finally {
      await removeFolder(copy);
    }
  });

  it("keeps what is resized alike in its smaller size, and each image once", async () => {
    const diskCache = { dir: cacheDir };
    await epochs(await open([resize(40), randomCrop(32)], { cache: "disk", diskCache }));
    const entries = (await readdir(cacheDir)).filter((name) => name.endsWith(".pixels"));
    expect(entries).to.have.length(4);
  });

  it("says what it takes before it is filled", async () => {
    const crop = await open([randomResizedCrop(24)], { cache: "ram", cacheBytes: 100_000 });
    // Those of more than 96 pixels are decoded smaller where most of them is wanted.
    const { images, bytes, room, where } = (await crop.cacheCost())!;
    expect({ images, room, where }).to.deep.equal({ images: 4, room: 100_000, where: "ram" });
    expect(bytes).to.be.within(3 * (120 * 90 + 90 * 60), 3 * (333 * 251 + 120 * 90 + 260 * 200 + 90 * 60));
    const fixed = await open([resize(20)], { cache: "disk", diskCache: { dir: cacheDir, bytes: 1e6 } });
    expect(await fixed.cacheCost()).to.deep.equal({ where: "disk", images: 4, bytes: 4800, room: 1e6 });
    expect(await (await open([resize(20)])).cacheCost()).to.equal(undefined);
  });

  it("counts an image that cannot be read as none", async () => {
    const copy = await makeFolder();
    try {
      await write(join(copy, "a", "0.jpg"), "no image");
      await writeFile(join(copy, "a", "1.png"), await sharp(join(dir, "a", "1.png")).toBuffer());
      const transforms = [randomResizedCrop(100), normalize()];
      const loader = new DataLoader(await ImageFolder.open(copy), { batchSize: 2, transforms, cache: "ram" });
      expect((await loader.cacheCost())!.bytes).to.equal(120 * 90 * 3);
    } finally {
      await removeFolder(copy);
    }
  });

  it("tells in words what has room and what has not", () => {
    const cost = { where: "ram", images: 6000, bytes: 3 * 2 ** 30, room: 4 * 2 ** 30 } as const;
    expect(describeCacheCost(cost)).to.equal(
      "keeping 6000 decoded images in memory takes about 3.00 GiB, of 4.00 GiB that there is room for",
    );
    expect(describeCacheCost({ ...cost, room: 2 ** 30 })).to.match(
      /but there is room for 1.00 GiB: 67 % are decoded again in every epoch: --cache disk/,
    );
  });

  it("has a bound by default, and is asked for by name", async () => {
    expect(cacheSettings(undefined, {})).to.deep.include({ cacheBytes: 2 ** 29, keepsDecoded: false });
    expect(cacheSettings("ram", {}).cacheBytes).to.be.within(2 ** 20, 2 ** 50);
    expect(cacheSettings("disk", {}).diskCache?.dir).to.match(/images$/);
    const images = await ImageFolder.open(dir);
    const make = () =>
      new DataLoader(images, { batchSize: 1, transforms: [resize(8), normalize()], cache: "tape" as "ram" });
    expect(caught(make)).to.include({ code: "ERR_ARGUMENT", argument: "cache" });
  });
});
