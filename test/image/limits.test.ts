import { expect } from "chai";
import { crc32, deflateSync } from "node:zlib";
import { estimateMemory, MemoryBudget, type DecodedShape } from "#lib/image/decode-memory.js";
import { Classifier, DataLoader, smallResNet } from "mutual-channel-loss";
import {
  datasetFrom,
  decodeMemory,
  normalize,
  resize,
  type DataLoaderOptions,
} from "mutual-channel-loss/data";
import { caught, rejected } from "../support/errors.js";
import { plain } from "../support/image-files.js";

const MIB = 2 ** 20;

/** A PNG that says it has that many pixels of 16-bit RGBA, and ends soon after. */
function claimingPng(width: number, height: number): Uint8Array {
  const chunk = (type: string, data: Buffer) => {
    const content = Buffer.concat([Buffer.from(type), data]);
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    checksum.writeUInt32BE(crc32(content));
    return Buffer.concat([length, content, checksum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([16, 6], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.alloc(100))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

async function load(source: Uint8Array, options: Partial<DataLoaderOptions> = {}): Promise<void> {
  const images = await datasetFrom([{ path: "image", label: 0, source }], { classes: ["any"] });
  const transforms = [resize({ height: 8, width: 8 }), normalize()];
  for await (const batch of new DataLoader(images, { batchSize: 1, transforms, ...options })) batch.dispose();
}

describe("limits of images", () => {
  it("refuse a small file that says it is very wide, before it is decoded", async () => {
    const png = claimingPng(3_700_000, 48);
    expect(png).to.have.length(69);
    const error = await rejected(load(png));
    expect(error).to.include({ code: "ERR_IMAGE", path: "image" });
    expect(error.message).to.match(/3700000 × 48 pixels.* 65535 \(limitInputSide, --max-side\)/);
  });

  it("are options of a loader: pixels, the longest side, memory", async () => {
    const image = await plain([1, 2, 3], 40, 30).png().toBuffer();
    await load(image, { limitInputPixels: 1200, limitInputSide: 40, limitInputBytes: MIB });
    expect((await rejected(load(image, { limitInputPixels: 1199 }))).message).to.match(/pixel limit of 1199/);
    expect((await rejected(load(image, { limitInputSide: 39 }))).message).to.match(/limitInputSide/);
    expect((await rejected(load(image, { limitInputBytes: 2000 }))).message).to.match(/limitInputBytes/);
    for (const name of ["limitInputPixels", "limitInputSide", "limitInputBytes"]) {
      for (const value of [0, -1, 1.5, NaN, "9"]) {
        expect(await rejected(load(image, { [name]: value }))).to.include({
          code: "ERR_ARGUMENT",
          argument: name,
        });
      }
    }
  });

  it("hold for every format, and for what a JPEG's own decoder reads", async () => {
    const options = { limitInputPixels: 1199 };
    for (const format of ["jpeg", "png", "webp", "gif", "tiff", "avif"] as const) {
      const bytes = await plain([1, 2, 3], 40, 30).toFormat(format).toBuffer();
      expect((await rejected(load(bytes, options))).message, format).to.match(/40 × 30 pixels.*pixel limit/);
    }
    const netpbm = Buffer.concat([Buffer.from("P5 40 30 255 "), Buffer.alloc(1200)]);
    expect((await rejected(load(netpbm, options))).message).to.match(/40 × 30 pixels.*pixel limit/);
  });

  it("of a classifier are far below a loader's, unless they are given", async () => {
    const info = { classNames: ["a", "b"], normalization: normalize() };
    using model = smallResNet({ classes: 2, channelsPerClass: 2, inputSize: 32, width: 16, info });
    const wide = await plain([1, 2, 3], 16_385, 2).png().toBuffer();
    const large = claimingPng(10_000, 5_001);
    expect((await rejected(new Classifier(model).predict(wide))).message).to.match(/limitInputSide/);
    expect((await rejected(new Classifier(model).predict(large))).message).to.match(
      /pixel limit of 50000000/,
    );
    expect((await new Classifier(model, { limitInputSide: 20_000 }).predict(wide)).top).to.have.length(2);
    expect(caught(() => new Classifier(model, { limitInputBytes: 0 }))).to.include({
      code: "ERR_ARGUMENT",
      argument: "limitInputBytes",
    });
  });
});

describe("the memory for decoding", () => {
  const shape = (changes: Partial<DecodedShape>): DecodedShape => ({
    format: "png",
    height: 3000,
    width: 4000,
    channels: 3,
    bytesPerSample: 1,
    interlaced: false,
    turned: false,
    ...changes,
  });

  it("is estimated by format: beside the decoded image, rows of what is stored or all of it", () => {
    const rows = estimateMemory(shape({}));
    expect(rows).to.be.within(60 * MIB, 100 * MIB);
    expect(estimateMemory(shape({ height: 300_000 })) - 3 * 4000 * 300_000).to.be.below(60 * MIB);
    expect(estimateMemory(shape({ bytesPerSample: 2, channels: 4 }))).to.be.above(1.9 * rows);
    const changes: Partial<DecodedShape>[] = [{ format: "gif" }, { format: "webp" }, { format: "avif" }];
    for (const change of [...changes, { interlaced: true }, { turned: true }]) {
      expect(estimateMemory(shape(change)), JSON.stringify(change)).to.be.above(rows + 4000 * 3000 * 3 - 1);
    }
  });

  it("is given in turn, to as many as fit together, and to what is larger alone", async () => {
    const budget = new MemoryBudget(100);
    const running = new Set<string>();
    const seen: string[] = [];
    const ends = new Map<string, () => void>();
    const work = (name: string, bytes: number) =>
      budget.use(bytes, () => {
        running.add(name);
        seen.push([...running].join());
        return new Promise<void>((end) => ends.set(name, end)).finally(() => running.delete(name));
      });
    const works = [work("a", 60), work("b", 40), work("c", 1000), work("d", 1)];
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    await settle();
    expect(seen).to.deep.equal(["a", "a,b"]);
    ends.get("a")!();
    await settle();
    // d would fit, but c was first.
    expect(seen).to.have.length(2);
    ends.get("b")!();
    await settle();
    expect(seen.slice(2)).to.deep.equal(["c"]);
    ends.get("c")!();
    await settle();
    ends.get("d")!();
    await Promise.all(works);
    expect(seen.slice(2)).to.deep.equal(["c", "d"]);
  });

  it("is given back by work that fails, and a larger budget lets in what waits", async () => {
    const budget = new MemoryBudget(1);
    const failure = budget.use(1, () => Promise.reject(new Error("failed")));
    expect(await failure.catch((error: unknown) => (error as Error).message)).to.equal("failed");
    let end = (): void => undefined;
    const first = budget.use(1, () => new Promise<void>((resolve) => (end = resolve)));
    const second = budget.use(1, () => Promise.resolve("second"));
    budget.bytes = 2;
    expect(await second).to.equal("second");
    end();
    await first;
  });

  it("is bounded for the whole thread by decodeMemory(), within which all images are decoded", async () => {
    const before = decodeMemory();
    expect(before).to.equal(1024 * MIB);
    try {
      expect(decodeMemory(1)).to.equal(1);
      const source = await plain([9, 9, 9], 64, 64).png().toBuffer();
      const samples = Array.from({ length: 9 }, (_, i) => ({ path: `${i}`, label: 0, source }));
      const images = await datasetFrom(samples, { classes: ["any"] });
      const transforms = [resize({ height: 8, width: 8 }), normalize()];
      for await (const batch of new DataLoader(images, { batchSize: 9, transforms })) {
        expect(batch.size).to.equal(9);
        batch.dispose();
      }
      for (const value of [0, -1, 0.5, NaN]) {
        expect(caught(() => decodeMemory(value))).to.include({ code: "ERR_ARGUMENT", argument: "bytes" });
      }
    } finally {
      decodeMemory(before);
    }
  });
});
