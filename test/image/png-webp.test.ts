import { expect } from "chai";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { readPngHeader } from "#lib/image/png-header.js";
import { randomAt } from "#lib/image/random.js";
import { readWebpHeader } from "#lib/image/webp-header.js";
import { native } from "#lib/native/binding.js";
import sharp, { type Sharp } from "sharp";

const SIZE = { height: 37, width: 51 };
const WHOLE = { top: 0, left: 0, ...SIZE };
const CUT = { region: undefined, resized: undefined, window: WHOLE, interpolation: "bilinear" } as const;
const LIMIT = { limitInputPixels: 1e6 };

/** Noise in so many channels. */
function noise(channels: 1 | 2 | 3 | 4): Sharp {
  const random = randomAt(channels);
  const bytes = Array.from({ length: channels * SIZE.height * SIZE.width }, () => random.integer(0, 255));
  return sharp(Buffer.from(bytes), { raw: { ...SIZE, channels } });
}

/** What sharp makes of an image. */
async function bySharp(bytes: Uint8Array): Promise<Uint8Array> {
  const opened = sharp(bytes).autoOrient().flatten({ background: "#fff" }).toColourspace("srgb");
  return new Uint8Array(await opened.raw({ depth: "uchar" }).toBuffer());
}

async function natively(format: "png" | "webp", bytes: Uint8Array, alpha = false) {
  const target = new Uint8Array(3 * SIZE.height * SIZE.width);
  const done = await native().decodeImage(format, bytes, { ...CUT, ...LIMIT, alpha }, target);
  return done ? target : undefined;
}

/** Through all that a loader does. */
async function decode(bytes: Uint8Array): Promise<Uint8Array> {
  const target = new Uint8Array(3 * SIZE.height * SIZE.width);
  const plan = {
    ...CUT,
    fixed: true,
    image: SIZE,
    windows: [WHOLE],
    visible: WHOLE,
    fill: [0, 0, 0] as const,
  };
  await new EncodedImage(bytes).decode(plan, target);
  return target;
}

/** A PNG with a chunk of its own after the header. */
function withChunk(png: Buffer, kind: string, data: string): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length);
  chunk.write(kind + data, 4, "latin1");
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const PNGS: Readonly<Record<string, () => Sharp>> = {
  RGB: () => noise(3).png(),
  RGBA: () => noise(4).png(),
  grey: () => noise(1).toColourspace("b-w").png(),
  "grey, transparent": () => noise(2).toColourspace("b-w").png(),
  interlaced: () => noise(4).png({ progressive: true }),
  "of a palette": () => noise(3).png({ palette: true }),
  "of a transparent palette": () => noise(4).png({ palette: true }),
  "of four colours": () => noise(3).png({ palette: true, colours: 4 }),
};

describe("PNGs", () => {
  for (const [name, make] of Object.entries(PNGS)) {
    it(`have sharp's pixels: ${name}`, async function () {
      if (!native().hasImageDecoder("png")) this.skip();
      const bytes = await make().toBuffer();
      const wanted = await bySharp(bytes);
      expect(await natively("png", bytes)).to.deep.equal(wanted);
      expect(await decode(bytes)).to.deep.equal(wanted);
    });

    it(`have sharp's header: ${name}`, async () => {
      const bytes = await make().toBuffer();
      const { height, width, channels, isProgressive } = await sharp(bytes).metadata();
      expect(readPngHeader(bytes)).to.deep.equal({ height, width, channels, interlaced: isProgressive });
    });
  }

  it("that are turned, deeper or of other colours are left to sharp", async () => {
    const turned = await noise(3).withMetadata({ orientation: 6 }).png().toBuffer();
    const deep = await noise(3).toColourspace("rgb16").png().toBuffer();
    expect(readPngHeader(turned)).to.equal(undefined);
    expect(readPngHeader(deep)).to.equal(undefined);
    const png = await noise(3).png().toBuffer();
    expect(readPngHeader(withChunk(png, "tEXt", "Raw profile type exif\0?"))).to.equal(undefined);
    expect(readPngHeader(withChunk(png, "tEXt", "Comment\0?"))).to.include(SIZE);
    if (!native().hasImageDecoder("png")) return;
    expect(await natively("png", deep)).to.equal(undefined);
    expect(await natively("png", await noise(3).withIccProfile("p3").png().toBuffer())).to.equal(undefined);
    expect(await natively("png", await noise(3).withIccProfile("srgb").png().toBuffer())).to.have.length(
      3 * SIZE.height * SIZE.width,
    );
  });

  it("that are damaged, too large or of another size are left to sharp", async function () {
    if (!native().hasImageDecoder("png")) this.skip();
    const bytes = await noise(3).png().toBuffer();
    const changed = Buffer.from(bytes);
    changed[bytes.length >> 1]! ^= 1;
    expect(await natively("png", changed), "a changed byte").to.equal(undefined);
    for (const length of [0, 20, 40, bytes.length >> 1, bytes.length - 1]) {
      expect(await natively("png", bytes.subarray(0, length)), `${length} bytes`).to.equal(undefined);
    }
    const target = new Uint8Array(3 * SIZE.height * SIZE.width);
    const few = { ...CUT, limitInputPixels: 36 * 51 };
    expect(await native().decodeImage("png", bytes, few, target), "too large").to.equal(false);
    expect(await native().decodeImage("png", bytes, { ...CUT, ...LIMIT }, new Uint8Array(7))).to.equal(false);
  });
});

const WEBPS: Readonly<Record<string, () => Sharp>> = {
  lossy: () => noise(3).webp(),
  lossless: () => noise(3).webp({ lossless: true }),
  "lossy, transparent": () => noise(4).webp(),
  "lossless, transparent": () => noise(4).webp({ lossless: true }),
};

describe("WebP images", () => {
  for (const [name, make] of Object.entries(WEBPS)) {
    it(`have sharp's pixels: ${name}`, async function () {
      if (!native().hasImageDecoder("webp")) this.skip();
      const bytes = await make().toBuffer();
      const wanted = await bySharp(bytes);
      expect(await natively("webp", bytes, readWebpHeader(bytes)?.alpha)).to.deep.equal(wanted);
      expect(await decode(bytes)).to.deep.equal(wanted);
    });

    it(`have sharp's header: ${name}`, async () => {
      const bytes = await make().toBuffer();
      const { height, width, hasAlpha } = await sharp(bytes).metadata();
      expect(readWebpHeader(bytes)).to.deep.equal({ height, width, alpha: hasAlpha });
    });
  }

  it("that are turned, moving or of other colours are left to sharp", async () => {
    const frames = await Promise.all([noise(3), noise(4)].map((frame) => frame.png().toBuffer()));
    const moving = sharp(frames, { join: { animated: true } }).webp();
    for (const image of [
      noise(3).withMetadata({ orientation: 6 }).webp(),
      noise(3).withIccProfile("p3").webp(),
      moving,
    ]) {
      expect(readWebpHeader(await image.toBuffer())).to.equal(undefined);
    }
  });

  it("that are damaged, too large or of another size are left to sharp", async function () {
    if (!native().hasImageDecoder("webp")) this.skip();
    const bytes = await noise(3).webp().toBuffer();
    for (const length of [0, 20, 40, bytes.length >> 1]) {
      expect(await natively("webp", bytes.subarray(0, length)), `${length} bytes`).to.equal(undefined);
    }
    const target = new Uint8Array(3 * SIZE.height * SIZE.width);
    const few = { ...CUT, limitInputPixels: 36 * 51 };
    expect(await native().decodeImage("webp", bytes, few, target), "too large").to.equal(false);
    const window = { ...WHOLE, left: 1 };
    expect(await native().decodeImage("webp", bytes, { ...CUT, ...LIMIT, window }, target)).to.equal(false);
  });
});
