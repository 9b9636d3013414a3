import { expect } from "chai";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { EncodedImage } from "#lib/image/encoded-image.js";
import { DataLoader } from "mutual-channel-loss";
import { datasetFrom, normalize, resize } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { makeFolder, plain, removeFolder, write } from "../support/image-files.js";

/** A kilobyte that keeps a thread busy for minutes. */
function slowSvg(): string {
  const steps = '<feTurbulence baseFrequency="0.5" numOctaves="9"/>'.repeat(12);
  const filter = `<filter id="f">${steps}</filter><rect width="4000" height="4000" filter="url(#f)"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000">${filter}</svg>`;
}

describe("files in other formats", () => {
  let dir: string;
  before(async () => {
    dir = await makeFolder();
  });
  after(() => removeFolder(dir));

  const heic = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1");
  const foreign: [string, string | Uint8Array, RegExp][] = [
    ["picture.svg", slowSvg(), /it is no image in a format that is read, but SVG/],
    ["svg called.png", slowSvg(), /but SVG/],
    ["with a prologue.jpg", `<?xml version="1.0"?>\n${slowSvg()}`, /but XML or HTML/],
    ["after blanks.gif", `\n  ${slowSvg()}`, /no image in a format that is read\b/],
    ["packed.svgz", gzipSync(slowSvg()), /no image in a format that is read\b/],
    ["page.jpg", "<!DOCTYPE html><html></html>", /but XML or HTML/],
    ["photo.heic", heic, /it is no image in a format that is read, but HEIC/],
    ["paper.jpg", "%PDF-1.7\n", /but PDF/],
    ["layers.tif", "8BPS\0\x01", /Photoshop's/],
  ];
  for (const [name, content, reason] of foreign) {
    it(`are refused by what they begin with, whatever their name, and not given to a decoder: ${name}`, async () => {
      const path = await write(join(dir, name), content);
      const images = await datasetFrom([{ path, label: 0 }], { classes: ["any"] });
      const transforms = [resize({ height: 32, width: 32 }), normalize()];
      const loader = new DataLoader(images, { batchSize: 1, transforms });
      const started = performance.now();
      const error = await rejected(loader[Symbol.asyncIterator]().next());
      // To be decoded it would take some minutes.
      expect(performance.now() - started).to.be.below(60_000);
      expect(error).to.include({ code: "ERR_IMAGE", path });
      expect(error.message).to.match(reason);
      expect((await rejected(new EncodedImage(path).header())).message).to.match(reason);
    });
  }

  it("are told from AVIF by the brands that both may have", async () => {
    const avif = await plain([1, 2, 3]).avif().toBuffer();
    expect(await new EncodedImage(avif).header()).to.include({ format: "avif", height: 8, width: 8 });
  });
});
