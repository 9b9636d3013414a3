import { expect } from "chai";
import { readJpegHeader } from "#lib/image/jpeg-header.js";
import { DataLoader } from "mutual-channel-loss";
import { centerCrop, datasetFrom, normalize, resize, type Interpolation } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { halves } from "../support/image-files.js";

const PLAIN = normalize({ mean: [0, 0, 0], std: [1, 1, 1] });
const [SHORT, LONG, BYTE] = [3, 4, 1];

interface Entry {
  orientation: number;
  type?: number;
  little?: boolean;
}

/** A segment with an EXIF block. */
function exif(...entries: Entry[]): Buffer {
  const little = entries[0]?.little ?? false;
  const tiff = Buffer.alloc(8 + 2 + 12 * entries.length + 4);
  const u16 = (value: number, at: number) =>
    little ? tiff.writeUInt16LE(value, at) : tiff.writeUInt16BE(value, at);
  const u32 = (value: number, at: number) =>
    little ? tiff.writeUInt32LE(value, at) : tiff.writeUInt32BE(value, at);
  tiff.write(little ? "II" : "MM");
  u16(42, 2);
  u32(8, 4);
  u16(entries.length, 8);
  entries.forEach(({ orientation, type = SHORT }, i) => {
    const at = 10 + 12 * i;
    u16(0x112, at);
    u16(type, at + 2);
    u32(1, at + 4);
    if (type === LONG) u32(orientation, at + 8);
    else if (type === SHORT) u16(orientation, at + 8);
    else tiff[at + 8] = orientation;
  });
  return segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0"), tiff]));
}

function segment(kind: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, kind, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

describe("EXIF orientation", () => {
  /** Red on the left, blue on the right, 32 × 16 pixels. */
  let jpeg: Buffer;
  before(async () => {
    jpeg = await (await halves([255, 0, 0], [0, 0, 255], 32, 16)).jpeg().toBuffer();
  });
  const withSegments = (...segments: Buffer[]) =>
    Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);

  /** Whether the red half is on top, where orientation 6 brings it, or on the left as it is stored. */
  async function redSide(source: Uint8Array, interpolation: Interpolation): Promise<"top" | "left"> {
    const images = await datasetFrom([{ path: "x", label: 0, source }], { classes: ["any"] });
    const transforms = [resize(16, { interpolation }), PLAIN];
    for await (const batch of new DataLoader(images, { batchSize: 1, transforms })) {
      const [red] = [(await batch.images.at(0, 0).data()) as Float32Array];
      batch.dispose();
      const [topRight, bottomLeft] = [red[2 * 16 + 12]!, red[12 * 16 + 2]!];
      expect(Math.abs(topRight - bottomLeft)).to.be.above(0.8);
      return topRight > 0.5 ? "top" : "left";
    }
    return expect.fail("no batch");
  }

  const turned: [string, () => Buffer[]][] = [
    ["a big-endian SHORT", () => [exif({ orientation: 6 })]],
    ["a little-endian SHORT", () => [exif({ orientation: 6, little: true })]],
    ["a big-endian LONG", () => [exif({ orientation: 6, type: LONG })]],
    ["a little-endian LONG", () => [exif({ orientation: 6, type: LONG, little: true })]],
    ["two blocks, of which the first counts", () => [exif({ orientation: 6 }), exif({ orientation: 1 })]],
    ["a block after other segments", () => [segment(0xe0, Buffer.alloc(14)), exif({ orientation: 6 })]],
    ["fill bytes before a marker", () => [Buffer.from([0xff, 0xff]), exif({ orientation: 6 })]],
  ];
  for (const [name, segments] of turned) {
    it(`turns an image whichever way it is decoded: ${name}`, async () => {
      expect(await redSide(withSegments(...segments()), "bilinear")).to.equal("top");
      expect(await redSide(withSegments(...segments()), "nearest")).to.equal("top");
    });
  }

  const upright: [string, () => Buffer[]][] = [
    ["none", () => []],
    ["two blocks, of which the first counts", () => [exif({ orientation: 1 }), exif({ orientation: 6 })]],
    ["a first block without it", () => [exif(), exif({ orientation: 6 })]],
    ["0", () => [exif({ orientation: 0 })]],
    ["9", () => [exif({ orientation: 9 })]],
    [
      "XMP's alone",
      () => [
        segment(
          0xe1,
          Buffer.from(
            'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF ' +
              'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description ' +
              'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>',
          ),
        ),
      ],
    ],
  ];
  for (const [name, segments] of upright) {
    it(`leaves an image as it is stored: ${name}`, async () => {
      expect(await redSide(withSegments(...segments()), "bilinear")).to.equal("left");
      expect(await redSide(withSegments(...segments()), "nearest")).to.equal("left");
    });
  }

  it("is read by sharp wherever the block is not as usual, so that both never disagree", () => {
    const unusual = [
      [exif({ orientation: 6, type: BYTE })],
      [exif({ orientation: 6 }, { orientation: 3 })],
      [exif({ orientation: 6 }).fill(0xff, 10, 12)],
      [exif({ orientation: 6 }).fill(0xff, 14, 18)],
      [exif({ orientation: 6 }).fill(0xff, 18, 20)],
      [segment(0xe1, Buffer.from("Exif\0\0"))],
    ];
    for (const segments of unusual) expect(readJpegHeader(withSegments(...segments))).to.equal(undefined);
    // The kinds of frames that only sharp decodes, and a scan without a frame.
    for (const kind of [0xc3, 0xc9, 0xca, 0xda]) {
      const bytes = Buffer.from(jpeg);
      bytes[bytes.indexOf(Buffer.from([0xff, 0xc0])) + 1] = kind;
      expect(readJpegHeader(bytes), kind.toString(16)).to.equal(undefined);
    }
  });

  it("is of the image that is decoded, not of one that was there before", async () => {
    const wide = await (await halves([255, 0, 0], [0, 0, 255], 64, 16)).png().toBuffer();
    let now = jpeg;
    const source = () => Promise.resolve(now);
    const images = await datasetFrom([{ path: "x", label: 0, source }], { classes: ["any"] });
    const transforms = [resize(8), centerCrop(8), PLAIN];
    const loader = new DataLoader(images, { batchSize: 1, cacheBytes: 0, transforms });
    for await (const batch of loader) batch.dispose();
    now = wide;
    const error = await rejected(loader[Symbol.asyncIterator]().next());
    expect(error.message).to.match(/changed: it had 32 × 16 pixels/);
  });
});
