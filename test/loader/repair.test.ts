import { expect } from "chai";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BAD_IMAGE_POLICIES } from "#lib/loader/bad-images.js";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { native } from "#lib/native/binding.js";
import { DataLoader, type Sample } from "mutual-channel-loss";
import { datasetFrom, normalize, resize, type DataLoaderOptions } from "mutual-channel-loss/data";
import sharp from "sharp";
import { caught, rejected } from "../support/errors.js";
import { makeFolder, plain, removeFolder, write } from "../support/image-files.js";

const FOLDER = new URL("../fixtures/formats/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, FOLDER));

/** All of an image of that size, as it is stored. */
const planOf = (height: number, width: number) => {
  const whole = { top: 0, left: 0, height, width };
  const [fixed, interpolation, fill] = [true, "bilinear", [0, 0, 0]] as const;
  const absent = { image: undefined, region: undefined, resized: undefined };
  return { ...absent, fixed, interpolation, fill, windows: [whole], visible: whole };
};

async function noisyPng(): Promise<Buffer> {
  const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
  return sharp({ create: { width: 300, height: 200, channels: 3, background: "#888", noise } })
    .png()
    .toBuffer();
}

describe("repairing damaged images", () => {
  for (const name of ["plain", "progressive", "grey"]) {
    it(`decodes what is there of a cut-off JPEG, bit for bit as Pillow does: ${name}`, async function () {
      if (!native().hasImageDecoder("jpeg")) this.skip();
      const expected = await sharp(read(`cut-${name}.jpg.png`))
        .raw()
        .toBuffer();
      const target = new Uint8Array(expected.length);
      const cut = read(`cut-${name}.jpg`);
      expect(await rejected(new EncodedImage(cut).decode(planOf(110, 150), target))).to.include({
        code: "ERR_IMAGE",
      });
      const reason = await new EncodedImage(cut).decode(planOf(110, 150), target, "repair");
      expect(reason).to.be.a("string").and.not.equal("");
      expect(target).to.deep.equal(new Uint8Array(expected));
    });
  }

  it("changes nothing of an intact image, and says nothing", async () => {
    const whole = readFileSync(new URL("../jpeg/plain.jpg", FOLDER));
    const [strict, repaired] = [new Uint8Array(110 * 150 * 3), new Uint8Array(110 * 150 * 3)];
    await new EncodedImage(whole).decode(planOf(110, 150), strict);
    expect(await new EncodedImage(whole).decode(planOf(110, 150), repaired, "repair")).to.equal(undefined);
    expect(repaired).to.deep.equal(strict);
  });

  it("decodes the beginning of other formats, too", async () => {
    const png = await noisyPng();
    const turned = await sharp(png).withMetadata({ orientation: 3 }).jpeg().toBuffer();
    const bmp = Buffer.concat([read("rgb24.bmp").subarray(0, 120)]);
    const whole = new Uint8Array(300 * 200 * 3);
    await new EncodedImage(png).decode(planOf(200, 300), whole);
    const target = new Uint8Array(300 * 200 * 3);
    expect(
      await new EncodedImage(png.subarray(0, png.length >> 1)).decode(planOf(200, 300), target, "repair"),
    ).to.be.a("string");
    expect(target.subarray(0, 300 * 3)).to.deep.equal(whole.subarray(0, 300 * 3));
    expect(target).to.not.deep.equal(whole);
    const half = turned.subarray(0, turned.length >> 1);
    expect(await new EncodedImage(half).decode(planOf(200, 300), target, "repair")).to.be.a("string");
    expect(await new EncodedImage(bmp).decode(planOf(5, 11), new Uint8Array(5 * 11 * 3), "repair")).to.match(
      /ends before/,
    );
  });

  it("refuses what has nothing left to be seen", async () => {
    const png = await noisyPng();
    for (const bytes of [
      png.subarray(0, 60),
      png.subarray(0, 1000),
      Buffer.from("no image"),
      Buffer.alloc(0),
    ]) {
      const target = new Uint8Array(300 * 200 * 3);
      const error = await rejected(new EncodedImage(bytes).decode(planOf(200, 300), target, "repair"));
      expect(error).to.include({ code: "ERR_IMAGE" });
    }
  });

  describe("by a loader", () => {
    let dir: string;
    let samples: Sample[];
    before(async () => {
      dir = await makeFolder();
      const whole = await plain([9, 9, 9], 60, 40).png().toBuffer();
      const files = {
        "whole.png": whole,
        "cut.jpg": read("cut-plain.jpg"),
        "none.jpg": "no image",
        "last.png": whole,
      };
      samples = await Promise.all(
        Object.entries(files).map(async ([name, bytes]) => ({
          path: await write(join(dir, name), bytes),
          label: 0,
        })),
      );
    });
    after(() => removeFolder(dir));

    const loaderOf = async (options: Partial<DataLoaderOptions>) => {
      const images = await datasetFrom(samples, { classes: ["any"] });
      return new DataLoader(images, { batchSize: 2, transforms: [resize(16), normalize()], ...options });
    };
    const countOf = async (loader: DataLoader) => {
      let count = 0;
      for await (const batch of loader) {
        count += batch.size;
        batch.dispose();
      }
      return count;
    };

    it("uses them, skips what cannot be decoded at all, and lists both once", async () => {
      for (const cacheBytes of [0, 2 ** 20]) {
        const loader = await loaderOf({ onBadImage: "repair", cacheBytes });
        expect([await countOf(loader), await countOf(loader)]).to.deep.equal([3, 3]);
        expect(loader.repaired.map(({ index, path }) => [index, path])).to.deep.equal([
          [1, join(dir, "cut.jpg")],
        ]);
        expect(loader.skipped.map(({ index }) => index)).to.deep.equal([2]);
        const later = await loaderOf({ onBadImage: "repair" });
        later.restore(structuredClone(loader.state()));
        expect(later.repaired).to.deep.equal(loader.repaired);
      }
    });

    it("keeps nothing of them for others in the cache on the disk", async () => {
      const diskCache = { dir: join(dir, "cache") };
      expect(await countOf(await loaderOf({ onBadImage: "repair", diskCache }))).to.equal(3);
      expect((await readdir(diskCache.dir)).filter((name) => name.endsWith(".pixels"))).to.have.length(2);
      const strict = await loaderOf({ diskCache });
      expect((await rejected(countOf(strict))).path).to.equal(join(dir, "cut.jpg"));
    });

    it("is asked for by name", async () => {
      const images = await datasetFrom(samples, { classes: ["any"] });
      const transforms = [resize(16), normalize()];
      const make = (onBadImage: string) => () =>
        new DataLoader(images, { batchSize: 2, transforms, onBadImage } as DataLoaderOptions);
      for (const policy of BAD_IMAGE_POLICIES) make(policy)();
      expect(caught(make("mend"))).to.include({ code: "ERR_ARGUMENT", argument: "onBadImage" });
    });
  });
});
