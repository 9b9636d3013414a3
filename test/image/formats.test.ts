import { expect } from "chai";
import { kindOfName, sniffFormat } from "#lib/image/formats.js";
import { plain } from "../support/image-files.js";

describe("image formats", () => {
  it("are known by a name's end, in any case", () => {
    for (const name of ["a.jpg", "a.JPEG", "b/c.jfif", "a.jpe", "a.bmp", "a.ppm", "a.pgm", "a.b.tiff"]) {
      expect(kindOfName(name), name).to.equal("image");
    }
    for (const name of ["a.heic", "a.HEIF", "a.svg", "a.jxl", "a.cr2"]) {
      expect(kindOfName(name), name).to.equal("other image");
    }
    for (const name of ["a.txt", "jpg", ".jpg", "a.jpg.txt", "a"]) {
      expect(kindOfName(name), name).to.equal(undefined);
    }
  });

  it("are told apart by what files begin with", async () => {
    for (const format of ["jpeg", "png", "webp", "gif", "tiff", "avif"] as const) {
      expect(sniffFormat(await plain([1, 2, 3]).toFormat(format).toBuffer())).to.equal(format);
    }
    const beginning = (text: string) => sniffFormat(Buffer.from(text, "latin1"));
    expect(beginning("BM....")).to.equal("bmp");
    expect(beginning("P6\n1 1\n255\n...")).to.equal("netpbm");
    expect(beginning("P5 1 1 255 .")).to.equal("netpbm");
    expect(beginning("RIFF....WEBPVP8 ")).to.equal("webp");
    for (const other of ["", "\xff", "<svg/>", "<?xml?>", "RIFF....WAVE", "%PDF-1.7", "....ftypheic"]) {
      expect(beginning(other), other).to.equal(undefined);
    }
  });
});
