import { expect } from "chai";
import sharp from "sharp";
import { renderChannelSheet } from "#lib/pictures/channel-sheet.js";
import { HEAT_COLORS, renderHeatMap } from "#lib/pictures/heat-map.js";

const white = { data: new Uint8Array(16 * 16 * 3).fill(255), height: 16, width: 16 };

/** Zero but for one place. */
function peak(row: number, column: number) {
  const data = new Float32Array(64);
  data[row * 8 + column] = 2;
  return { data, height: 8, width: 8 };
}

describe("heat maps", () => {
  it("go from dark to bright", () => {
    const brightness = HEAT_COLORS.map(([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue);
    expect(brightness).to.have.length(256);
    expect(brightness[0]).to.be.below(5);
    expect(brightness[255]).to.be.above(230);
    expect(brightness.every((value, i) => i === 0 || value >= brightness[i - 1]! - 1)).to.equal(true);
  });

  it("are hot where the channel is", async () => {
    const { data } = await renderHeatMap(peak(6, 1), white, 2, 80);
    const red = (row: number, column: number) => data[(row * 80 + column) * 3]!;
    expect(red(65, 15)).to.be.above(220);
    expect(red(15, 65)).to.be.below(180);
  });

  it("are cold everywhere for a dead channel", async () => {
    const dead = { data: new Float32Array(64), height: 8, width: 8 };
    const { data } = await renderHeatMap(dead, white, 0, 20);
    expect(new Set(data.filter((_, i) => i % 3 === 0)).size).to.equal(1);
  });
});

describe("renderChannelSheet", () => {
  it("has a row per image and marks right and wrong", async () => {
    const group = (correct: boolean) => ({ maps: [peak(1, 1), peak(6, 6)], correct, label: "→ <b> & c" });
    const row = { image: white, labels: ["a", "b"] as const, groups: [group(true), group(false)] };
    const one = await sharp(await renderChannelSheet(["left", "right"], [row])).metadata();
    const png = sharp(await renderChannelSheet(["left", "right"], [row, row]));
    const two = await png.metadata();
    expect(two.format).to.equal("png");
    expect(two.width).to.equal(one.width);
    expect(two.height).to.be.above(one.height);
    const { data, info } = await png
      .removeAlpha()
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    const colors = new Set<string>();
    for (let i = 0; i < data.length; i += info.channels)
      colors.add(`${data[i]! > 180},${data[i + 1]! > 100}`);
    expect(colors.has("true,false")).to.equal(true);
    expect(colors.has("false,true")).to.equal(true);
  });
});
