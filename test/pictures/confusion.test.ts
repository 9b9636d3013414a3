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

  /** The picture of a matrix whose classes are named so. */
  const draw = async (matrix: number[][], names: string[]) => {
    const path = join(folder(), "confusion.png");
    await writeConfusion(path, matrix, names);
    return sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  };

  it("draws each row's shares from dark to bright", async () => {
    const { data, info } = await draw(confusion, ["a", "b"]);
    const cell = 36;
    // Beside names of one letter, and above the legend.
    const left = 30;
    const bottom = info.height - 56;
    const expectColor = (x: number, y: number, level: number) => {
      const at = (y * info.width + x) * 3;
      HEAT_COLORS[level]!.forEach((value, i) => expect(data[at + i]).to.be.closeTo(value, 10));
    };
    // Near the cells' edges: counts are in their middle.
    expectColor(left + 3, bottom - cell - 3, 191);
    expectColor(left + 2 * cell - 3, bottom - cell - 3, 64);
    expectColor(left + 3, bottom - 3, 0);
    expectColor(left + 2 * cell - 3, bottom - 3, 255);
  });

  it("has names where there is room for them, and a bounded size", async () => {
    const widthOf = async (classes: number, name: string) => {
      const diagonal = Array.from({ length: classes }, (_, truth) =>
        Array.from({ length: classes }, (_, predicted) => Number(truth === predicted)),
      );
      const { info } = await draw(diagonal, Array<string>(classes).fill(name));
      return info.width;
    };
    const long = "x".repeat(80);
    expect(await widthOf(200, long)).to.be.within((await widthOf(200, "x")) + 300, 2300);
    // Names of cars are not cut.
    const car = "Chevrolet Silverado 2500HD Regular Cab 2012";
    expect(await widthOf(50, car))
      .to.equal((await widthOf(50, `${car}x`)) - 7)
      .and.be.below(await widthOf(50, long));
    expect(await widthOf(300, long)).to.equal(await widthOf(300, "x"));
    expect(await widthOf(1000, long)).to.be.within(1000, 2100);
  });

  it("names a file of another kind, and one that cannot be written", async () => {
    expect(await rejected(writeConfusion("matrix.gif", confusion, []))).to.include({ argument: "confusion" });
    const path = join(folder(), "none", "matrix.csv");
    expect(await rejected(writeConfusion(path, confusion, []))).to.include({ code: "ERR_IO", path });
  });
});
