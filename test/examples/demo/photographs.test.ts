import { expect } from "chai";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { demoEpochs, openPhotographs } from "../../../examples/demo/demo-images.js";
import { temporaryFolder, writeColorFolder } from "../../support/images.js";
import { mclossIn } from "../../support/mcloss.js";

const folder = temporaryFolder();

describe("the demo on photographs", () => {
  before(async () => {
    await writeColorFolder(join(folder(), "whole"), 5);
    await writeColorFolder(join(folder(), "parts", "train"), 4);
    await writeColorFolder(join(folder(), "parts", "test"), 2);
  });

  it("holds out a test part, or else every fifth image of each class", async () => {
    const lengths = async (name: string) => {
      const images = await openPhotographs(join(folder(), name));
      expect(demoEpochs(images)).to.equal(50);
      return [images.train.length, images.test.length];
    };
    expect(await lengths("parts")).to.deep.equal([12, 6]);
    expect(await lengths("whole")).to.deep.equal([12, 3]);
  });

  it("trains with both losses, and prints the terms that were measured, the table and the picture", async () => {
    const { code, stdout, stderr } = await mclossIn(folder(), "demo", "--images", "whole", "--epochs", "2");
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/^12 photographs of 3 classes; held out: 3, every fifth of each class$/m);
    expect(stderr).to.match(/^cross-entropy epoch 2\/2 · CE \d+\.\d+ · training/m);
    expect(stderr).to.match(
      /^CE \+ MC-Loss +epoch 2\/2 · CE \d+\.\d+ · L_dis \d+\.\d+ · L_div \d+\.\d+ · training/m,
    );
    expect(stdout).to.match(/^held-out accuracy +\d+\.\d+ % +\d+\.\d+ %$/m);
    expect(existsSync(join(folder(), "runs", "demo", "channels.png"))).to.equal(true);
  });
});
