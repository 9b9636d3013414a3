import { expect } from "chai";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeSample, type DecodePlan } from "#lib/data/decode.js";
import { native, type DecodeJpegOptions } from "#lib/native/binding.js";
import sharp from "sharp";
import { plain } from "./images.js";

const FOLDER = new URL("../fixtures/jpeg/", import.meta.url);
const pathOf = (name: string) => fileURLToPath(new URL(name, FOLDER));
const whole = { top: 0, left: 0, height: 110, width: 150 };
const OPTIONS: DecodeJpegOptions = {
  region: undefined,
  resized: undefined,
  window: whole,
  interpolation: "bilinear",
  limitInputPixels: 1e6,
};
/** Colour profiles are converted with some rounding, so sharp must not find one. */
const read = async (name: string) =>
  new Uint8Array(await sharp(pathOf(name)).toColourspace("srgb").raw().toBuffer());

async function decode(
  bytes: Uint8Array,
  options: Partial<DecodeJpegOptions>,
): Promise<Uint8Array | undefined> {
  const { height, width } = options.window ?? OPTIONS.window;
  const target = new Uint8Array(height * width * 3);
  return (await native().decodeJpeg(bytes, { ...OPTIONS, ...options }, target)) ? target : undefined;
}

describe("plain JPEGs", function () {
  before(function () {
    // libjpeg's headers were not there when the addon was built: sharp decodes JPEGs too.
    if (!native().hasJpegDecoder()) this.skip();
  });

  for (const name of ["plain", "progressive", "grey"]) {
    it(`are decoded bit for bit as Pillow does: ${name}`, async () => {
      expect(await decode(readFileSync(pathOf(`${name}.jpg`)), {})).to.deep.equal(await read(`${name}.png`));
    });
  }

  for (const interpolation of ["bilinear", "bicubic", "lanczos"] as const) {
    it(`are resized bit for bit as Pillow does: ${interpolation}`, async () => {
      const bytes = readFileSync(pathOf("plain.jpg"));
      const down = {
        interpolation,
        resized: { height: 66, width: 90 },
        window: { top: 5, left: 11, height: 50, width: 60 },
      };
      expect(await decode(bytes, down)).to.deep.equal(await read(`${interpolation}-down.png`));
      const up = {
        interpolation,
        region: { top: 30, left: 20, height: 57, width: 71 },
        resized: { height: 96, width: 130 },
        window: { top: 0, left: 0, height: 96, width: 130 },
      };
      expect(await decode(bytes, up)).to.deep.equal(await read(`${interpolation}-up.png`));
    });
  }

  it("are shrunk by their decoder where much smaller ones are wanted, which shows little", async () => {
    const photo = new URL("../fixtures/transforms/photo.jpg", import.meta.url);
    const bytes = readFileSync(photo);
    const { width, height } = await sharp(bytes).metadata();
    const resized = { height: Math.floor(height / 10), width: Math.floor(width / 10) };
    const small = await decode(bytes, { resized, window: { top: 0, left: 0, ...resized } });
    const exact = await sharp(bytes, {})
      .resize({ ...resized, fit: "fill", kernel: "linear", fastShrinkOnLoad: false })
      .raw()
      .toBuffer();
    const differences = [...small!].map((value, i) => Math.abs(value - exact[i]!));
    expect(differences.reduce((sum, difference) => sum + difference) / differences.length).to.be.lessThan(2);
  });

  it("are left to sharp where they are not plain, intact, or as small as allowed", async () => {
    const bytes = readFileSync(pathOf("plain.jpg"));
    const cmyk = await plain([1, 2, 3]).toColourspace("cmyk").jpeg().toBuffer();
    const profile = await sharp(bytes).withIccProfile("p3").jpeg().toBuffer();
    const window = { top: 0, left: 0, height: 8, width: 8 };
    expect(await decode(cmyk, { window }), "CMYK").to.equal(undefined);
    expect(await decode(profile, {}), "a colour profile").to.equal(undefined);
    expect(await decode(bytes.subarray(0, bytes.length >> 1), {}), "truncated").to.equal(undefined);
    expect(await decode(Buffer.from("no JPEG"), {}), "foreign").to.equal(undefined);
    expect(await decode(bytes, { limitInputPixels: 150 * 110 - 1 }), "large").to.equal(undefined);
    expect(await decode(bytes, { window: { ...whole, left: 1 } }), "a window beyond the image").to.equal(
      undefined,
    );
    const tooSmall = native().decodeJpeg(bytes, OPTIONS, new Uint8Array(7));
    expect(await tooSmall, "a target of another size").to.equal(false);
  });

  it("are decoded into their place, without another buffer", async () => {
    const plan: DecodePlan = {
      fixed: true,
      source: { height: 110, width: 150 },
      visible: whole,
      windows: [whole],
      fill: [0, 0, 0],
      ...OPTIONS,
    };
    const batch = new Uint8Array(2 * 150 * 110 * 3);
    await decodeSample(pathOf("plain.jpg"), plan, batch.subarray(batch.length / 2));
    expect(batch.subarray(batch.length / 2)).to.deep.equal(await read("plain.png"));
    expect(batch.subarray(0, batch.length / 2).every((value) => value === 0)).to.equal(true);
  });
});
