import { expect } from "chai";
import { DataLoader } from "mutual-channel-loss";
import { datasetFrom, normalize, resize, type Interpolation } from "mutual-channel-loss/data";
import { native } from "#lib/native/binding.js";
import sharp from "sharp";
import { plain } from "../support/image-files.js";

const PLAIN = normalize({ mean: [0, 0, 0], std: [1, 1, 1] });

/** The colour of an image of one colour, 0 to 255. */
async function colorOf(source: Uint8Array, interpolation: Interpolation): Promise<number[]> {
  const images = await datasetFrom([{ path: "x", label: 0, source }], { classes: ["any"] });
  const transforms = [resize({ height: 4, width: 4 }, { interpolation }), PLAIN];
  for await (const batch of new DataLoader(images, { batchSize: 1, transforms })) {
    const values = (await batch.images.data()) as Float32Array;
    batch.dispose();
    return [0, 16, 32].map((at) => Math.round(255 * values[at]!));
  }
  return expect.fail("no batch");
}

async function isPlain(bytes: Uint8Array): Promise<boolean> {
  const window = { top: 0, left: 0, height: 8, width: 8 };
  const size = { region: undefined, resized: undefined, window, orientation: 1, eighths: 8 };
  const options = { ...size, limitInputPixels: 1e6, repair: false };
  return native().decodeImage(
    "jpeg",
    bytes,
    { ...options, interpolation: "bilinear" },
    new Uint8Array(8 * 8 * 3),
  );
}

/** A JPEG whose profile's bytes are changed in place. */
function editProfile(jpeg: Buffer, edit: (profile: Buffer) => void): Buffer {
  const bytes = Buffer.from(jpeg);
  const start = bytes.indexOf("ICC_PROFILE\0") + 14;
  edit(bytes.subarray(start, start + bytes.readUInt32BE(start)));
  return bytes;
}

/** The place of a tag's data in a profile. */
function tagAt(profile: Buffer, name: string): number {
  return profile.readUInt32BE(profile.indexOf(name, 128) + 4);
}

describe("a JPEG's colour profile", () => {
  const orange = () => plain([250, 120, 40], 8, 8);
  let p3: Buffer;
  let srgb: Buffer;
  let bare: Buffer;
  before(async () => {
    p3 = await orange().withIccProfile("p3").jpeg({ quality: 100 }).toBuffer();
    srgb = await orange().withIccProfile("srgb").jpeg({ quality: 100 }).toBuffer();
    bare = await orange().jpeg({ quality: 100 }).toBuffer();
  });

  it("is gone by, whichever way the image is decoded", async () => {
    for (const [name, jpeg] of Object.entries({ p3, srgb, bare })) {
      const [fast, slow] = [await colorOf(jpeg, "bilinear"), await colorOf(jpeg, "nearest")];
      fast.forEach((level, channel) => expect(level, name).to.be.closeTo(slow[channel]!, 1));
      [250, 120, 40].forEach((level, channel) => expect(fast[channel], name).to.be.closeTo(level, 3));
    }
  });

  it("is read, not searched for a name", async function () {
    if (!native().hasImageDecoder("jpeg")) this.skip();
    const named = editProfile(p3, (profile) => {
      // After the type, the count of names, each one's length, language and place.
      profile.write("sRGB", tagAt(profile, "desc") + 28, "latin1");
    });
    expect(named.includes("sRGB")).to.equal(true);
    expect(await isPlain(named), "P3 by the name of sRGB").to.equal(false);
    const unnamed = editProfile(srgb, (profile) => {
      const at = tagAt(profile, "desc");
      profile.fill(0x78, at + 28, at + profile.readUInt32BE(profile.indexOf("desc", 128) + 8));
    });
    expect(await isPlain(srgb), "sRGB").to.equal(true);
    expect(await isPlain(unnamed), "sRGB by another name").to.equal(true);
    expect(await isPlain(bare), "none").to.equal(true);
    expect(await isPlain(p3), "P3").to.equal(false);
  });

  it("that is not the whole of sRGB's figures is left to sharp", async function () {
    if (!native().hasImageDecoder("jpeg")) this.skip();
    const changes: Record<string, (profile: Buffer) => void> = {
      "another red": (profile) => profile.writeInt32BE(0x9000, tagAt(profile, "rXYZ") + 8),
      "another curve": (profile) =>
        profile.fill(0x40, tagAt(profile, "gTRC") + 12, tagAt(profile, "gTRC") + 24),
      "a tag beyond the end": (profile) =>
        profile.writeUInt32BE(0xfffffff0, profile.indexOf("bXYZ", 128) + 4),
      "a tag that is too long": (profile) =>
        profile.writeUInt32BE(0xffffffff, profile.indexOf("bXYZ", 128) + 8),
      "endless tags": (profile) => profile.writeUInt32BE(0xffffffff, 128),
      "another space": (profile) => profile.write("GRAY", 16, "latin1"),
      "no signature": (profile) => profile.write("none", 36, "latin1"),
    };
    for (const [name, change] of Object.entries(changes)) {
      expect(await isPlain(editProfile(srgb, change)), name).to.equal(false);
    }
  });
});

describe("an image that is made much smaller", () => {
  // Fine enough that a decoder which makes images smaller by itself gives others.
  const [height, width] = [450, 600];
  const raw = Buffer.alloc(height * width * 3);
  for (let at = 0; at < raw.length; at += 3) {
    const [x, y] = [(at / 3) % width, Math.floor(at / 3 / width)];
    raw[at] = 128 + 100 * Math.sin(x / 8 + y / 15);
    raw[at + 1] = 128 + 90 * Math.cos(x / 3);
    raw[at + 2] = (Math.floor(x / 6) + Math.floor(y / 4)) % 2 === 0 ? 255 : 0;
  }
  const picture = () => sharp(raw, { raw: { width, height, channels: 3 } });

  async function pixels(source: Uint8Array, interpolation: Interpolation): Promise<Float32Array> {
    const images = await datasetFrom([{ path: "x", label: 0, source }], { classes: ["any"] });
    const transforms = [resize({ height: 50, width: 75 }, { interpolation }), PLAIN];
    for await (const batch of new DataLoader(images, { batchSize: 1, transforms })) {
      const values = (await batch.images.data()) as Float32Array;
      batch.dispose();
      return values;
    }
    return expect.fail("no batch");
  }

  for (const interpolation of ["bilinear", "nearest"] as const) {
    it(`has the same pixels in every format that keeps them: ${interpolation}`, async () => {
      const wanted = await pixels(await picture().png().toBuffer(), interpolation);
      const others = {
        webp: await picture().webp({ lossless: true }).toBuffer(),
        tiff: await picture().tiff({ compression: "lzw" }).toBuffer(),
        ppm: Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), raw]),
      };
      for (const [name, bytes] of Object.entries(others)) {
        expect(await pixels(bytes, interpolation), name).to.deep.equal(wanted);
      }
    });
  }

  it("has pixels of the stored image where the nearest is wanted, of a JPEG too", async () => {
    const jpeg = await picture().jpeg().toBuffer();
    const decoded = await sharp(jpeg).png().toBuffer();
    expect(await pixels(jpeg, "nearest")).to.deep.equal(await pixels(decoded, "nearest"));
  });
});
