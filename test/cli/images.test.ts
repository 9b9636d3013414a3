import { expect } from "chai";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { saveModel, smallResNet } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const folder = temporaryFolder();
const mcloss = (...args: string[]) => mclossIn(folder(), ...args);

before(async () => {
  await writeColorFolder(join(folder(), "photos"), 2);
  const info = {
    classNames: ["blue", "green", "red"],
    transforms: [resize({ height: 32, width: 32 }), normalize()],
  };
  using model = smallResNet({ classes: 3, inputSize: 32, width: 8, info });
  await saveModel(model, join(folder(), "model.safetensors"));
});

describe("limits of images on the command line", () => {
  const TRAIN = ["train", "photos", "--epochs", "1", "--image-size", "32", "--batch-size", "3"];
  const READING: Record<string, string[]> = {
    train: [...TRAIN, "--out", "refused"],
    predict: ["predict", "model.safetensors", "photos", "--on-bad-image", "error"],
    eval: ["eval", "model.safetensors", "photos"],
    "eval --channels": ["eval", "model.safetensors", "photos", "--channels"],
    visualize: ["visualize", "model.safetensors", "photos/red/0.png"],
    "visualize --by-class": ["visualize", "model.safetensors", "--by-class", "photos"],
    "data verify": ["data", "verify", "photos"],
  };

  const FLAGS: [flag: string, value: string][] = [
    ["--max-pixels", "1599"],
    ["--max-side", "39"],
    ["--max-image-bytes", "10000"],
  ];

  // The images have 40 × 40 pixels. Each command has all three options of one list.
  for (const [place, [name, args]] of Object.entries(READING).entries()) {
    const [flag, value] = FLAGS[place % FLAGS.length]!;
    it(`are options of mcloss ${name}: ${flag}`, async () => {
      const { code, stdout, stderr } = await mcloss(...args, flag, value);
      expect(code).to.equal(1);
      expect(stdout + stderr).to.match(new RegExp(`40 × 40 pixels.*\\(limitInput\\w+, ${flag}\\)`));
    });
  }

  it("are part of the recipe: a run may go on with others, and its report has them", async () => {
    const trained = await mcloss(...TRAIN, "--out", "run", "--set", "limitInputPixels=1599");
    expect(trained.stderr).to.contain("pixel limit of 1599");
    const resumed = await mcloss("train", "--resume", "run", "--max-pixels", "1600");
    expect(resumed.code, resumed.stderr).to.equal(0);
    const report = await mcloss("report", "run", "--images", "photos", "--out", "page.html");
    expect(report.code, report.stderr).to.equal(0);
  });
});

describe("mcloss predict --on-bad-image repair", () => {
  before(async () => {
    const pixels = Uint8Array.from({ length: 96 * 96 * 3 }, (_, i) => (i * 7919) % 251);
    const jpeg = await sharp(pixels, { raw: { width: 96, height: 96, channels: 3 } })
      .jpeg()
      .toBuffer();
    await mkdir(join(folder(), "damaged"));
    await writeFile(join(folder(), "damaged", "cut.jpg"), jpeg.subarray(0, jpeg.length / 2));
    await writeFile(join(folder(), "damaged", "none.jpg"), "no image");
  });

  it("answers for what is there of a damaged image, says so, and skips what is none", async () => {
    const { code, stdout, stderr } = await mcloss(
      ...["predict", "model.safetensors", "damaged", "--json", "--on-bad-image", "repair"],
    );
    expect(stderr)
      .to.match(/^repaired damaged\/cut\.jpg: .+$/m)
      .and.to.match(/^skipped damaged\/none\.jpg: /m);
    const [cut, none] = JSON.parse(stdout) as { path: string; top?: object[]; repaired?: string }[];
    expect(cut?.top).to.have.length(3);
    expect(cut?.repaired).to.match(/end|premature|truncated/i);
    expect(none).to.have.all.keys("path", "error");
    expect(code).to.equal(1);
  });

  it("exits with 0 where all images could be used", async () => {
    const args = ["predict", "model.safetensors", "damaged/cut.jpg"];
    expect((await mcloss(...args)).code).to.equal(1);
    expect((await mcloss(...args, "--on-bad-image", "repair")).code).to.equal(0);
  });
});
