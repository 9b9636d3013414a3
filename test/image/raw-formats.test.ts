import { expect } from "chai";
import { readdirSync, readFileSync } from "node:fs";
import { bmp } from "#lib/image/bmp.js";
import { netpbm } from "#lib/image/netpbm.js";
import { maximum } from "#lib/extremes.js";
import { DataLoader } from "mutual-channel-loss";
import { datasetFrom, normalize, resize } from "mutual-channel-loss/data";
import sharp from "sharp";
import { plain } from "../support/image-files.js";

const FOLDER = new URL("../fixtures/formats/", import.meta.url);
const NAMES = readdirSync(FOLDER).filter((name) => /\.(bmp|ppm|pgm)$/.test(name));
const read = (name: string) => readFileSync(new URL(name, FOLDER));
const decoderOf = (name: string) => (name.endsWith(".bmp") ? bmp : netpbm);

/** As RGB on white. */
async function pixelsOf({ data, height, width, channels }: Awaited<ReturnType<typeof bmp.decode>>) {
  const image = sharp(data, { raw: { height, width, channels } }).flatten({ background: "#fff" });
  return [...(await image.toColourspace("srgb").raw().toBuffer())];
}

describe("BMP, PGM and PPM", () => {
  for (const name of NAMES) {
    it(`are decoded bit for bit as Pillow does: ${name}`, async () => {
      const expected = await sharp(read(`${name}.png`))
        .raw()
        .toBuffer();
      const decoded = await pixelsOf(await decoderOf(name).decode(read(name), "error"));
      // What lies under transparency is rounded once more.
      const most = name === "alpha.bmp" ? 1 : 0;
      const differences = decoded.map((value, i) => Math.abs(value - expected[i]!));
      expect(decoded).to.have.length(expected.length);
      expect(maximum(differences)).to.be.at.most(most);
    });

    it(`are refused when they are cut off anywhere, and repaired as far as they go: ${name}`, async () => {
      const bytes = read(name);
      const decoder = decoderOf(name);
      const whole = await decoder.decode(bytes, "error");
      // Without its last four bytes, which may be only a row's filling, a digit or a blank, some pixel is missing.
      const end = bytes.length - 4;
      for (let length = 0; length <= end; length += 1) {
        const error = await decoder
          .decode(bytes.subarray(0, length), "error")
          .catch((cause: unknown) => cause);
        expect(error, `${length} of ${bytes.length} bytes`).to.be.an("error");
      }
      const { data } = await decoder.decode(bytes.subarray(0, end - 8), "zeros");
      expect(data).to.have.length(whole.data.length);
      expect(data).to.not.deep.equal(whole.data);
    });
  }

  it("show a picture whose opacity was left empty", async () => {
    const bytes = read("alpha.bmp");
    for (let at = bytes.readUInt32LE(10) + 3; at < bytes.length; at += 4) bytes[at] = 0;
    const { data } = await bmp.decode(bytes, "error");
    expect(data.filter((_, i) => i % 4 === 3).every((opacity) => opacity === 255)).to.equal(true);
  });

  it("are refused with a reason where they are of a kind that is not read", () => {
    const refused = (change: (bytes: Buffer) => void) => {
      const bytes = read("rgb24.bmp");
      change(bytes);
      return () => bmp.readHeader(bytes);
    };
    expect(refused((bytes) => bytes.writeUInt32LE(4, 30))).to.throw(/compression 4/);
    expect(refused((bytes) => bytes.writeUInt16LE(2, 28))).to.throw(/2 bits/);
    expect(refused((bytes) => bytes.writeUInt32LE(41, 14))).to.throw(/41 bytes/);
    expect(refused((bytes) => bytes.writeInt32LE(0, 18))).to.throw(/0 × 5/);
    for (const [text, reason] of [
      ["P6 x 5 255\n", /something else/],
      ["P6 11 0 255\n", /11 × 0/],
      ["P6 11 5 65536\n", /65536/],
      ["P6 99999999999 5 255\n", /too large/],
    ] as const) {
      expect(() => netpbm.readHeader(Buffer.from(text)), text).to.throw(reason);
    }
  });

  it("are loaded as the same picture in PNG", async () => {
    const raw = await plain([200, 30, 90], 40, 30).raw().toBuffer();
    const source = Buffer.concat([Buffer.from("P6 40 30 255\n"), raw]);
    const png = await plain([200, 30, 90], 40, 30).png().toBuffer();
    const samples = [source, png].map((bytes, i) => ({ path: `${i}`, label: 0, source: bytes }));
    const images = await datasetFrom(samples, { classes: ["any"] });
    const transforms = [resize({ height: 16, width: 64 }), normalize()];
    for await (const batch of new DataLoader(images, { batchSize: 2, transforms })) {
      const [first, second] = [await batch.images.at(0).data(), await batch.images.at(1).data()];
      expect(first).to.deep.equal(second);
      batch.dispose();
    }
  });
});
