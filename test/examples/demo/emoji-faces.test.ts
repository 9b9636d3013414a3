import { expect } from "chai";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { prepareEmojiFaces, type EmojiFaces } from "../../../examples/demo/emoji-faces.js";
import { checkInstalled } from "../../../examples/demo/icon-sets.js";
import { matchFaces, readIconSets, type Face } from "../../../examples/demo/match-faces.js";
import { STYLES } from "../../../examples/demo/styles.js";
import { caught, rejected } from "../../support/errors.js";
import { temporaryFolder } from "../../support/images.js";

describe("matchFaces", () => {
  let faces: Face[];

  before(async () => {
    faces = await matchFaces(await readIconSets());
  });

  it("finds 85 classes of 647 drawings", () => {
    const perStyles = (count: number) => faces.filter((face) => face.icons.size === count).length;
    expect(faces).to.have.length(85);
    expect([8, 7, 6].map(perStyles)).to.deep.equal([68, 1, 16]);
    expect(faces.reduce((sum, face) => sum + face.icons.size, 0)).to.equal(647);
  });

  it("follows each set's names for the same face", () => {
    const icons = (name: string) => Object.fromEntries(faces.find((face) => face.name === name)!.icons);
    expect(icons("grinning-cat")).to.include({ noto: "grinning-cat", fxemoji: "foxsmiling" });
    expect(icons("face-with-crossed-out-eyes")).to.include({ fxemoji: "dizzyface" });
    expect(icons("nerd-face")).to.not.have.any.keys("fxemoji", "emojione-v1");
  });

  it("uses no drawing for two classes", () => {
    for (const { name } of STYLES) {
      const used = faces.map((face) => face.icons.get(name)).filter((icon) => icon !== undefined);
      expect(new Set(used).size, name).to.equal(used.length);
    }
  });
});

describe("prepareEmojiFaces", () => {
  const folder = temporaryFolder();
  let dir = "";
  let faces: EmojiFaces;

  before(async () => {
    dir = join(folder(), "faces");
    faces = await prepareEmojiFaces(dir, "A");
  });

  const files = async (root: string) =>
    (await readdir(root, { recursive: true })).filter((name) => name.endsWith(".png"));

  it("splits by designer: 477 images to train on, 170 of two others to test on", async () => {
    expect(faces).to.include({ classes: 85, images: 647 });
    for (const [split, heldOut] of [
      ["A", ["fluent-emoji-flat.png", "twemoji.png"]],
      ["B", ["emojione.png", "noto.png"]],
    ] as const) {
      const { train, test } = await prepareEmojiFaces(dir, split);
      const [trained, tested] = [await files(train), await files(test)];
      expect([trained.length, tested.length]).to.deep.equal([477, 170]);
      const styles = (names: string[]) => [...new Set(names.map((name) => name.split("/")[1]))].sort();
      expect(styles(tested)).to.deep.equal(heldOut);
      expect(styles(trained)).to.not.include.members([...heldOut]);
    }
  });

  it("draws 96-pixel RGB images with a white border", async () => {
    const path = join(faces.test, "grinning-face", "twemoji.png");
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect(info).to.include({ width: 96, height: 96, channels: 3 });
    expect([...data.subarray(0, 3)]).to.deep.equal([255, 255, 255]);
    const center = (48 * 96 + 30) * 3;
    expect([...data.subarray(center, center + 3)]).to.not.deep.equal([255, 255, 255]);
  });

  it("draws nothing a second time", async () => {
    const path = join(faces.test, "grinning-face", "twemoji.png");
    const before = (await stat(path)).mtimeMs;
    let drawn = 0;
    await prepareEmojiFaces(dir, "A", { onProgress: () => (drawn += 1) });
    expect(drawn).to.equal(0);
    expect((await stat(path)).mtimeMs).to.equal(before);
  });

  it("leaves nothing that looks finished when it is interrupted", async () => {
    const other = join(folder(), "interrupted");
    const controller = new AbortController();
    const run = prepareEmojiFaces(other, "A", {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect((await rejected(run)).code).to.equal("ERR_ABORTED");
    expect(await readdir(folder())).to.not.include("interrupted");
  });
});

describe("the demo's drawings", () => {
  it("are asked for with one command when they are not installed", () => {
    const error = caught(() => {
      checkInstalled(STYLES.slice(0, 2), () => {
        throw new Error("not found");
      });
    });
    expect(error.message).to.match(
      /npm install --no-save @iconify-json\/noto@1\.2\.9 @iconify-json\/noto-v1@1\.2\.5$/,
    );
  });
});
