import { expect } from "chai";
import { decodeImage } from "#lib/data/decode.js";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { rejected } from "../support/errors.js";
import { halves, makeFolder, plain, removeFolder, truncatedJpeg, write } from "./images.js";

const SIZE = { height: 4, width: 4 };

describe("decodeImage()", () => {
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
    expect(await decodeImage(path, { height: 3, width: 5, kernel: "linear" })).to.have.length(3 * 5 * 3);
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
