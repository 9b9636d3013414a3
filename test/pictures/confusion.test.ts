import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { HEAT_COLORS } from "#lib/pictures/heat-map.js";
import { writeConfusion } from "#lib/pictures/confusion.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder } from "../support/images.js";

describe("writeConfusion()", () => {
  const folder = temporaryFolder();
  const confusion = [
    [3, 1],
    [0, 2],
  ];

  it("writes CSV that spreadsheets read, whatever the names", async () => {
    const path = join(folder(), "confusion.csv");
    await writeConfusion(path, confusion, ["Crow, American", 'the "Auk"']);
    expect(await readFile(path, "utf8")).to.equal(
      'true \\ predicted,"Crow, American","the ""Auk"""\r\n"Crow, American",3,1\r\n"the ""Auk""",0,2\r\n',
    );
  });

  it("draws each row's shares from dark to bright", async () => {
    const path = join(folder(), "confusion.png");
    await writeConfusion(path, confusion, ["a", "b"]);
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).to.deep.equal([16, 16]);
    const pixel = (x: number, y: number) => [...data.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)];
    expect(pixel(0, 0)).to.deep.equal(HEAT_COLORS[191]);
    expect(pixel(15, 0)).to.deep.equal(HEAT_COLORS[64]);
    expect(pixel(15, 15)).to.deep.equal(HEAT_COLORS[255]);
  });

  it("names a file of another kind, and one that cannot be written", async () => {
    expect(await rejected(writeConfusion("matrix.gif", confusion, []))).to.include({ argument: "confusion" });
    const path = join(folder(), "none", "matrix.csv");
    expect(await rejected(writeConfusion(path, confusion, []))).to.include({ code: "ERR_IO", path });
  });
});
