import { expect } from "chai";
import { EncodedImage, type ImageSource } from "#lib/image/encoded-image.js";
import { buildPipeline, type PipelineOptions } from "#lib/image/pipeline.js";
import { planSample, type Trim } from "#lib/image/plan.js";
import { randomAt } from "#lib/image/random.js";
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { type TransformSpec } from "mutual-channel-loss";
import { normalize, randomCrop, resize } from "mutual-channel-loss/data";
import sharp, { type Sharp } from "sharp";
import { rejected } from "../support/errors.js";
import { halves, makeFolder, plain, removeFolder, truncatedJpeg, write } from "../support/image-files.js";

const SIZE = { height: 4, width: 4 };

/** What the decoder makes of an image. */
async function decodeAs(
  source: ImageSource,
  transforms: TransformSpec[],
  options: PipelineOptions & { trim?: Trim } = {},
): Promise<Uint8Array> {
  const pipeline = buildPipeline([...transforms, normalize()], options);
  const image = new EncodedImage(source, { limits: pipeline.limits });
  const { decode } = await planSample(pipeline, randomAt(0), image, options.trim);
  const pixels = new Uint8Array(pipeline.sampleBytes);
  await image.decode(decode, pixels);
  return pixels;
}

const decodeImage = (source: ImageSource, size: { height: number; width: number }) =>
  decodeAs(source, [resize(size, { interpolation: "lanczos" })]);

describe("EncodedImage", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  const decode = async (image: Sharp, name: string) => {
    const path = await write(join(dir, name), await image.toBuffer());
    return [...(await decodeImage(path, SIZE))];
  };
  const pixelsOf = (color: readonly number[]) => Array.from({ length: 16 }, () => color).flat();

  it("reads every format to 8-bit RGB, row by row", async () => {
    expect(await decode(plain([200, 100, 50]).png(), "x.png")).to.deep.equal(pixelsOf([200, 100, 50]));
    expect(await decode(plain([200, 100, 50]).webp({ lossless: true }), "x.webp")).to.deep.equal(
      pixelsOf([200, 100, 50]),
    );
    expect(await decode(plain([90, 90, 90]).jpeg(), "x.jpg")).to.deep.equal(pixelsOf([90, 90, 90]));
  });

  it("resizes to exactly height × width", async () => {
    const path = await write(join(dir, "x.png"), await plain([1, 2, 3], 20, 10).png().toBuffer());
    expect(await decodeImage(path, { height: 3, width: 5 })).to.have.length(3 * 5 * 3);
  });

  it("fills a crop that lies beside the image", async () => {
    const beside = { uniform: () => 0, integer: (low: number) => low };
    const pipeline = buildPipeline([randomCrop(4, { padding: 8, fill: [7, 8, 9] }), normalize()]);
    const image = new EncodedImage(await plain([1, 2, 3], 6, 6).png().toBuffer());
    const { decode } = await planSample(pipeline, beside, image);
    const pixels = new Uint8Array(pipeline.sampleBytes);
    await image.decode(decode, pixels);
    expect([...pixels]).to.deep.equal(pixelsOf([7, 8, 9]));
  });

  it("converts greyscale, 16-bit and CMYK", async () => {
    expect(await decode(plain([90, 90, 90]).toColourspace("b-w").png(), "grey.png")).to.deep.equal(
      pixelsOf([90, 90, 90]),
    );
    expect(await decode(plain([90, 30, 0]).toColourspace("rgb16").png(), "deep.png")).to.deep.equal(
      pixelsOf([90, 30, 0]),
    );
    const [red = 0, green = 0, blue = 0, ...others] = await decode(
      plain([220, 40, 40]).toColourspace("cmyk").jpeg(),
      "cmyk.jpg",
    );
    expect(others).to.have.length(45);
    expect(red).to.be.greaterThan(green + 80);
    expect(Math.abs(green - blue)).to.be.lessThan(40);
  });

  it("lays transparency on white", async () => {
    const clear = sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    });
    expect(await decode(clear.png(), "clear.png")).to.deep.equal(pixelsOf([255, 255, 255]));
  });

  it("turns images upright as their EXIF orientation says", async () => {
    const image = await halves([0, 0, 0], [255, 255, 255], 16, 16);
    const turned = image.withMetadata({ orientation: 6 }).jpeg({ quality: 100 });
    const path = await write(join(dir, "turned.jpg"), await turned.toBuffer());
    const pixels = await decodeImage(path, { height: 2, width: 2 });
    // Orientation 6 turns clockwise: what was stored on the left is on top.
    expect([...pixels].map((value) => value > 128)).to.deep.equal([
      ...Array<boolean>(6).fill(false),
      ...Array<boolean>(6).fill(true),
    ]);
  });

  it("takes the first frame of an animation", async () => {
    const frames = await Promise.all(
      [plain([255, 0, 0]), plain([0, 0, 255])].map((frame) => frame.png().toBuffer()),
    );
    const gif = sharp(frames, { join: { animated: true } }).gif();
    expect(await decode(gif, "x.gif")).to.deep.equal(pixelsOf([255, 0, 0]));
  });

  it("goes by the content, not by the name", async () => {
    expect(await decode(plain([1, 2, 3]).png(), "png.jpg")).to.deep.equal(pixelsOf([1, 2, 3]));
  });

  it("takes a path, bytes, or what fetches them", async () => {
    const path = await write(join(dir, "x.png"), await (await halves([9, 8, 7], [1, 2, 3])).png().toBuffer());
    const bytes = await readFile(path);
    const expected = await decodeImage(path, SIZE);
    expect(await decodeImage(bytes, SIZE)).to.deep.equal(expected);
    expect(await decodeImage(() => Promise.resolve(bytes), SIZE)).to.deep.equal(expected);
  });

  it("cuts rows off the bottom before anything else", async () => {
    const upright = await (await halves([0, 0, 0], [255, 255, 255], 40, 40)).png().toBuffer();
    const lower = await sharp(upright).rotate(90).png().toBuffer();
    const mean = (pixels: Uint8Array) => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    expect(mean(await decodeAs(lower, [resize(SIZE)]))).to.be.closeTo(127.5, 2);
    expect(mean(await decodeAs(lower, [resize(SIZE)], { trim: { bottom: 20 } }))).to.equal(0);
    // Below is where the EXIF orientation says: 6 turns what was stored on the right to the bottom.
    const turned = await sharp(upright).withMetadata({ orientation: 6 }).png().toBuffer();
    expect(mean(await decodeAs(turned, [resize(SIZE)], { trim: { bottom: 20 } }))).to.equal(0);
    const path = await write(join(dir, "low.png"), lower);
    const error = await rejected(decodeAs(path, [resize(SIZE)], { trim: { bottom: 40 } }));
    expect(error).to.include({ code: "ERR_IMAGE", path });
  });

  it("gives a crop the pixels that it has in the whole image", async () => {
    const noise = { type: "gaussian", mean: 128, sigma: 60 } as const;
    const image = await sharp({ create: { width: 90, height: 70, channels: 3, background: "#888", noise } })
      .png()
      .toBuffer();
    const turned = await sharp(image).withMetadata({ orientation: 6 }).png().toBuffer();
    for (const [source, size] of [
      [image, 40],
      [image, 100],
      [turned, 40],
    ] as const) {
      const resized = resize({ height: size, width: size });
      const pipeline = buildPipeline([resized, randomCrop(24), normalize()]);
      const encoded = new EncodedImage(source);
      const plan = await planSample(pipeline, randomAt(1), encoded);
      const [window] = plan.decode.windows;
      const part = new Uint8Array(24 * 24 * 3);
      await encoded.decode(plan.decode, part);
      const whole = await decodeAs(source, [resized]);
      // libvips rounds places to a share of a pixel, from where a part begins.
      part.forEach((value, at) => {
        const row = window!.top + Math.floor(at / 72);
        const there = whole[(row * size + window!.left) * 3 + (at % 72)]!;
        expect(Math.abs(value - there)).to.be.at.most(2);
      });
    }
  });

  it("refuses images of more pixels than the limit, before it decodes them", async () => {
    const image = await plain([1, 2, 3], 40, 30).png().toBuffer();
    expect(await decodeAs(image, [resize(SIZE)], { limitInputPixels: 1200 })).to.have.length(48);
    const error = await rejected(decodeAs(image, [resize(SIZE)], { limitInputPixels: 1199 }));
    expect(error).to.include({ code: "ERR_IMAGE" });
    expect(error.message).to.match(/pixel limit/);
  });

  it("rejects missing, empty, foreign and truncated files, naming the file and the way out", async () => {
    const png = await (await halves([0, 0, 0], [255, 0, 0], 64, 64)).png().toBuffer();
    const paths = [
      join(dir, "missing.jpg"),
      await write(join(dir, "empty.jpg"), ""),
      await write(join(dir, "text.jpg"), "not an image"),
      await write(join(dir, "truncated.jpg"), await truncatedJpeg()),
      await write(join(dir, "truncated.png"), png.subarray(0, png.length >> 1)),
    ];
    for (const path of paths) {
      const error = await rejected(decodeImage(path, SIZE));
      expect(error).to.include({ code: "ERR_IMAGE", path });
      expect(error.message)
        .to.include(path)
        .and.match(/export.*skip/);
      expect(error.cause).to.be.an("error");
    }
  });
});
