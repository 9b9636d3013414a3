import { expect } from "chai";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Comparison } from "mutual-channel-loss/report";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";
import { writeRun } from "../support/write-run.js";

const folder = temporaryFolder();
const mcloss = (...args: string[]) => mclossIn(folder(), ...args);

describe("mcloss compare", () => {
  it("prints a table of runs, or JSON", async () => {
    await writeRun(join(folder(), "ce"), { seed: 0, loss: "ce", accuracies: [0.5] });
    await writeRun(join(folder(), "mc"), { seed: 0, loss: {}, accuracies: [0.75] });
    const table = await mcloss("compare", "ce", "mc");
    expect(table.stdout).to.match(/^cross-entropy +1 +50\.00 +50\.00$/m);
    expect(table.stdout).to.match(/^MC-Loss α 1\.5 β 20 +1 +75\.00 +75\.00 +\+25\.00 +\+25\.00$/m);
    const { groups } = JSON.parse((await mcloss("compare", "ce", "mc", "--json")).stdout) as Comparison;
    expect(groups.map(({ final }) => final.mean)).to.deep.equal([0.5, 0.75]);
    const missing = await mcloss("compare", "nowhere");
    expect(missing.code).to.equal(1);
    expect(missing.stderr).to.match(/^mcloss: nowhere is not the folder of a run/);
    expect((await mcloss("compare")).code).to.equal(2);
  });
});

describe("mcloss ablate", () => {
  it("trains the table's runs on a folder, keeps them, and prints the comparison", async function () {
    this.timeout(120_000);
    await writeColorFolder(join(folder(), "photos", "train"), 4);
    await writeColorFolder(join(folder(), "photos", "val"), 2);
    const options = ["--epochs", "1", "--batch-size", "6", "--image-size", "32", "--channels-per-class", "2"];
    const args = ["ablate", "photos", ...options, "--seeds", "4", "--out", "table"];
    const { code, stdout, stderr } = await mcloss(...args);
    expect(code, stderr).to.equal(0);
    const rows = stdout.trimEnd().split("\n").slice(1);
    expect(rows.map((row) => row.split(/ {2,}/)[0])).to.deep.equal([
      "cross-entropy",
      "MC-Loss α 1.5 β 1",
      "MC-Loss α 1.5 β 1, no CWA",
      "MC-Loss α 1.5 β 1, CCAP",
      "MC-Loss α 1.5, no diversity",
      "MC-Loss β 1, no discriminality",
    ]);
    expect(await readdir(join(folder(), "table", "no-cwa", "seed-4"))).to.include("run.json");
    const again = await mcloss(...args, "--json");
    expect(again.stderr).to.not.contain("seed 4");
    expect((JSON.parse(again.stdout) as Comparison).groups).to.have.length(6);
    const other = await mcloss(...args, "--augment", "none");
    expect(other.code).to.equal(1);
    expect(other.stderr).to.contain('another recipe.transforms.train: "flip", now "none"');
    expect((await mcloss("ablate", "photos", "--seeds", "1,1")).code).to.equal(2);
  });
});
