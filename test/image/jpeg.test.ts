import { expect } from "chai";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DecodePlan } from "#lib/image/decode.js";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { native, type DecodeImageOptions } from "#lib/native/binding.js";
import sharp from "sharp";
import { plain } from "../support/image-files.js";

const FOLDER = new URL("../fixtures/jpeg/", import.meta.url);
const pathOf = (name: string) => fileURLToPath(new URL(name, FOLDER));
const whole = { top: 0, left: 0, height: 110, width: 150 };
const OPTIONS: DecodeImageOptions = {
  region: undefined,
  resized: undefined,
  window: whole,
  interpolation: "bilinear",
  orientation: 1,
  eighths: 8,
  limitInputPixels: 1e6,
  repair: false,
};
/** Colour profiles are converted with some rounding, so sharp must not find one. */
const read = async (name: string) =>
  new Uint8Array(await sharp(pathOf(name)).toColourspace("srgb").raw().toBuffer());

/** What `window` shows of an image of `size`. */
function cut(pixels: Uint8Array, size: { width: number }, window: DecodeImageOptions["window"]): Uint8Array {
  const rows = Array.from({ length: window.height }, (_, row) => {
    const from = ((window.top + row) * size.width + window.left) * 3;
    return pixels.subarray(from, from + window.width * 3);
  });
  return new Uint8Array(Buffer.concat(rows));
}

async function decode(
  bytes: Uint8Array,
  options: Partial<DecodeImageOptions>,
): Promise<Uint8Array | undefined> {
  const { height, width } = options.window ?? OPTIONS.window;
  const target = new Uint8Array(height * width * 3);
  return (await native().decodeImage("jpeg", bytes, { ...OPTIONS, ...options }, target)) ? target : undefined;
}

describe("plain JPEGs", function () {
  before(function () {
    // libjpeg's headers were not there when the addon was built: sharp decodes JPEGs too.
    if (!native().hasImageDecoder("jpeg")) this.skip();
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

  describe("of which a part is wanted", () => {
    const size = { height: 251, width: 333 };
    const noise = Buffer.alloc(size.height * size.width * 3);
    for (let i = 0, state = 7; i < noise.length; i += 1) {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      noise[i] = state >> 23;
    }
    const raw = { raw: { ...size, channels: 3 } } as const;
    const blurred = () => sharp(noise, raw).blur(2);
    const parts = [
      { top: 0, left: 0, height: 9, width: 17 },
      { top: 17, left: 33, height: 100, width: 128 },
      { top: 100, left: 7, height: 30, width: 300 },
      { top: 249, left: 330, height: 2, width: 3 },
      { top: 1, left: 100, height: 250, width: 1 },
    ];

    for (const [name, options] of Object.entries({
      "4:2:0": { chromaSubsampling: "4:2:0" },
      "4:4:4": { chromaSubsampling: "4:4:4" },
      progressive: { progressive: true },
    })) {
      it(`give the whole image's pixels: ${name}`, async () => {
        const bytes = await blurred()
          .jpeg({ quality: 90, ...options })
          .toBuffer();
        const all = await decode(bytes, { window: { top: 0, left: 0, ...size } });
        for (const window of parts) {
          expect(await decode(bytes, { window }), JSON.stringify(window)).to.deep.equal(
            cut(all!, size, window),
          );
        }
      });

      it(`give the whole image's pixels, resized: ${name}`, async () => {
        const bytes = await blurred()
          .jpeg({ quality: 90, ...options })
          .toBuffer();
        for (const factor of [1.7, 0.7, 0.2]) {
          const resized = { height: Math.round(251 * factor), width: Math.round(333 * factor) };
          const window = { top: 11, left: 21, height: 25, width: 41 };
          const all = await decode(bytes, { resized, window: { top: 0, left: 0, ...resized } });
          expect(await decode(bytes, { resized, window }), String(factor)).to.deep.equal(
            cut(all!, resized, window),
          );
        }
      });
    }

    it("are refused where they are damaged, wherever that is", async () => {
      const window = { top: 0, left: 0, height: 8, width: 8 };
      for (const options of [{}, { progressive: true }]) {
        const bytes = await blurred().jpeg(options).toBuffer();
        expect(await decode(bytes, { window })).to.have.length(8 * 8 * 3);
        expect(await decode(bytes.subarray(0, bytes.length - 400), { window })).to.equal(undefined);
      }
    });
  });

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
    const tooSmall = native().decodeImage("jpeg", bytes, OPTIONS, new Uint8Array(7));
    expect(await tooSmall, "a target of another size").to.equal(false);
  });

  it("are decoded into their place, without another buffer", async () => {
    const plan: DecodePlan = {
      fixed: true,
      image: { height: 110, width: 150 },
      visible: whole,
      windows: [whole],
      fill: [0, 0, 0],
      ...OPTIONS,
    };
    const batch = new Uint8Array(2 * 150 * 110 * 3);
    await new EncodedImage(pathOf("plain.jpg")).decode(plan, batch.subarray(batch.length / 2));
    expect(batch.subarray(batch.length / 2)).to.deep.equal(await read("plain.png"));
    expect(batch.subarray(0, batch.length / 2).every((value) => value === 0)).to.equal(true);
  });
});
