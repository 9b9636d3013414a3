import { expect } from "chai";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { RunInfo } from "mutual-channel-loss/train";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const folder = temporaryFolder();

describe("mcloss train --resume", () => {
  it("goes on with more epochs, with moved images, and refuses by name what may not change", async () => {
    await writeColorFolder(join(folder(), "photos"));
    const cwd = folder();
    const options = ["--image-size", "32", "--epochs", "1", "--batch-size", "8", "--out", "run"];
    expect((await mclossIn(cwd, "train", "photos", ...options)).code).to.equal(0);
    const refused = await mclossIn(cwd, "train", "--resume", "run", "--batch-size", "4");
    expect(refused.code).to.not.equal(0);
    expect(refused.stderr).to.match(/is 8 in the run in run and cannot become 4/);

    await rename(join(folder(), "photos"), join(folder(), "pictures"));
    const lost = await mclossIn(cwd, "train", "--resume", "run");
    expect(lost.code).to.equal(1);
    expect(lost.stderr).to.match(/is not at .*photos any more.*mcloss train DIR --resume RUN/);
    const resumed = await mclossIn(cwd, "train", "pictures", "--resume", "run", "--epochs", "2");
    expect(resumed.code, resumed.stderr).to.equal(0);
    expect(resumed.stderr)
      .to.match(/epoch 2\/2/)
      .and.not.match(/epoch 1\/2/);
    const info = JSON.parse(await readFile(join(folder(), "run", "run.json"), "utf8")) as RunInfo;
    expect(info.changes).to.deep.include({ epoch: 2, option: "epochs", from: 1, to: 2 });
  });
});
