import { expect } from "chai";
import { readJpegHeader } from "#lib/image/jpeg-header.js";
import { plain } from "../support/image-files.js";

describe("readJpegHeader()", () => {
  it("finds the stored size and the EXIF orientation", async () => {
    for (const orientation of [1, 2, 5, 6, 8]) {
      const bytes = await plain([1, 2, 3], 30, 20).withMetadata({ orientation }).jpeg().toBuffer();
      expect(readJpegHeader(bytes)).to.include({ height: 20, width: 30, orientation });
    }
    const progressive = await plain([1, 2, 3], 7, 9).jpeg({ progressive: true }).toBuffer();
    expect(readJpegHeader(progressive)).to.deep.equal({
      height: 9,
      width: 7,
      orientation: 1,
      channels: 3,
      progressive: true,
    });
  });

  it("finds nothing in other formats, parts of a header, and segments that lead nowhere", async () => {
    const jpeg = await plain([1, 2, 3]).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    for (let length = 0; length < frame + 9; length += 1) {
      expect(readJpegHeader(jpeg.subarray(0, length)), `${length} bytes`).to.equal(undefined);
    }
    expect(readJpegHeader(await plain([1, 2, 3]).png().toBuffer())).to.equal(undefined);
    const empty = Buffer.from([0xff, 0xd8, ...Array<number[]>(40).fill([0xff, 0xe1, 0, 0]).flat()]);
    expect(readJpegHeader(empty)).to.equal(undefined);
  });
});
