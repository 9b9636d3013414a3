import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DataLoader, type Sample } from "mutual-channel-loss";
import { normalize, randomCrop, resize } from "mutual-channel-loss/data";
import { planWhole } from "#lib/image/decode.js";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { buildPipeline } from "#lib/image/pipeline.js";
import { native } from "#lib/native/binding.js";
import { decodeInput } from "#lib/predict/model-input.js";
import { renderClassSheet } from "#lib/visualize/class-sheet.js";
import { runModule } from "../support/child.js";
import { rejected } from "../support/errors.js";
import { plain, write } from "../support/image-files.js";
import { temporaryFolder } from "../support/images.js";
import { colorModel } from "../visualize/color-model.js";

const SMALL = { height: 4, width: 5 };

/** Where a source's bytes come from, and how often they were asked for. */
async function counting() {
  const bytes = await plain([200, 100, 50], 30, 20).png().toBuffer();
  const calls = { count: 0 };
  const source = () => {
    calls.count += 1;
    return Promise.resolve(new Uint8Array(bytes));
  };
  return { calls, source };
}

describe("an encoded image", () => {
  it("fetches its bytes once for its header, its pixels in any size, and a thumbnail", async () => {
    const { calls, source } = await counting();
    const image = new EncodedImage(source);
    expect(await image.header()).to.deep.equal({ format: "png", orientation: 1, height: 20, width: 30 });
    const pixels = new Uint8Array(SMALL.height * SMALL.width * 3);
    await image.decode(planWhole(SMALL), pixels);
    expect([...pixels.subarray(0, 3)]).to.deep.equal([200, 100, 50]);
    await image.decode(planWhole({ height: 1, width: 1 }), new Uint8Array(3));
    const thumbnail = new EncodedImage(await image.thumbnail(16));
    expect(await thumbnail.header()).to.include({ format: "jpeg", height: 16, width: 16 });
    expect(calls.count).to.equal(1);
  });

  it("is fetched once for each sample of an epoch, and once for a sheet's tile", async () => {
    const { calls, source } = await counting();
    const sample: Sample = { path: "row 1", label: 0, source };
    const images = { length: 1, classes: ["one"], sample: () => sample };
    const transforms = [resize(16), randomCrop(12), normalize()];
    for await (const batch of new DataLoader(images, { batchSize: 1, transforms })) batch.dispose();
    expect(calls.count).to.equal(1);
    await renderClassSheet(colorModel(), 0, [[{ sample, activation: 1 }]]);
    expect(calls.count).to.equal(2);
  });

  describe("of a file", () => {
    const folder = temporaryFolder();
    const binding = native();
    const freeBytes = binding.freeBytes.bind(binding);
    let freed: Uint8Array[];

    beforeEach(() => {
      freed = [];
      binding.freeBytes = (bytes) => {
        freed.push(bytes);
        freeBytes(bytes);
      };
    });
    afterEach(() => {
      binding.freeBytes = freeBytes;
    });

    async function writePng(): Promise<string> {
      return await write(
        join(folder(), "one", "a.png"),
        await plain([200, 100, 50], 30, 20).png().toBuffer(),
      );
    }

    it("frees its bytes when it is released, not those that others have, and reads them anew", async () => {
      const path = await writePng();
      const image = new EncodedImage(path);
      for (let i = 0; i < 2; i += 1) {
        const pixels = new Uint8Array(3);
        await image.decode(planWhole({ height: 1, width: 1 }), pixels);
        expect([...pixels]).to.deep.equal([200, 100, 50]);
        await image.release();
        await image.release();
        expect(freed).to.have.length(i + 1);
        expect(freed[i]).to.have.length(0);
      }
      const bytes = new Uint8Array(await readFile(path));
      const { length } = bytes;
      const given = new EncodedImage(bytes);
      await given.header();
      await given.release();
      expect(bytes).to.have.length(length);
      expect(freed).to.have.length(2);
    });

    it("keeps no bytes for the garbage collector after an epoch, a prediction or a file that is damaged", async () => {
      const path = await writePng();
      const damaged = await write(join(folder(), "one", "b.png"), (await readFile(path)).subarray(0, 90));
      const images = { length: 2, classes: ["one"], sample: () => ({ path, label: 0 }) };
      const transforms = [resize(16), randomCrop(12), normalize()];
      for await (const batch of new DataLoader(images, { batchSize: 1, transforms })) batch.dispose();
      expect(freed).to.have.length(2);
      const pipeline = buildPipeline(transforms);
      await decodeInput(pipeline, path);
      expect(freed).to.have.length(3);
      await rejected(decodeInput(pipeline, damaged));
      expect(freed.map((bytes) => bytes.length)).to.deep.equal([0, 0, 0, 0]);
    });
  });

  it("is called by its name, or its file, in every error", async () => {
    const bytes = Buffer.from("no image");
    const unnamed = await rejected(new EncodedImage(bytes).header());
    expect(unnamed).to.include({ code: "ERR_IMAGE", path: undefined });
    const image = new EncodedImage(bytes, { name: "row 7" });
    for (const failing of [image.header(), image.decode(planWhole(SMALL), bytes), image.thumbnail(8)]) {
      expect(await rejected(failing)).to.include({ code: "ERR_IMAGE", path: "row 7" });
    }
    const failed = new EncodedImage(() => Promise.reject(new Error("no connection")), { name: "row 8" });
    expect((await rejected(failed.header())).message).to.match(/the image row 8 \(no connection\)/);
  });
});

describe("libvips", () => {
  it("is not loaded by importing the package, nor by computing the loss", async function () {
    if (process.platform !== "linux") this.skip();
    const { output, errors } = await runModule(`
      import { readFileSync } from "node:fs";
      import { ChannelGroups, mcLoss, tensor } from "mutual-channel-loss";
      const x = tensor(new Float32Array(24), { shape: [1, 6, 2, 2] });
      const y = tensor(Int32Array.of(1), { dtype: "int64" });
      mcLoss(x, y, { groups: ChannelGroups.uniform(2, 3) });
      console.log(/vips/.test(readFileSync("/proc/self/maps", "latin1")));
    `);
    expect(errors).to.equal("");
    expect(output).to.equal("false\n");
  });
});
