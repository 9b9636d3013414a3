import { expect } from "chai";
import { readdir, readFile, rm } from "node:fs/promises";
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

describe("mcloss reproduce", () => {
  it("trains a scaled recipe, writes its table beside the published figures, and goes on where it was", async () => {
    await writeColorFolder(join(folder(), "birds", "train"), 4);
    await writeColorFolder(join(folder(), "birds", "test"), 2);
    const scale = ["--epochs", "1", "--image-size", "32", "--batch-size", "4"];
    const args = ["reproduce", "cub200-resnet18", "birds", "--kind", "folder", ...scale, "--seeds", "0..1"];
    // What was asked for first and began no run does not bind.
    const published = await mcloss(...args.filter((arg) => arg !== "--kind" && arg !== "folder"));
    expect(published.stderr).to.match(/does not hold CUB-200-2011: .* give --kind folder$/m);
    const { code, stdout, stderr } = await mcloss(...args);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^cross-entropy, the network not widened +2 .* 45\.70, the paper \?$/m);
    expect(stdout)
      .to.match(/^gain +2 +[+−].* \+13\.71, the paper \?$/m)
      .and.match(/^3 classes, 12 training and 6 test images$/m)
      .and.match(/^not the recipe's, .*network\.inputSize/m);
    const made = join(folder(), "runs", "reproduce", "cub200-resnet18");
    expect(await readdir(made)).to.include.members(["ce", "mc", "table.md", "table.tex", "table.json"]);
    const again = await mcloss(...args, "--json");
    expect(again.stderr).to.equal("");
    const written = JSON.parse(await readFile(join(made, "table.json"), "utf8")) as object;
    expect(JSON.parse(again.stdout)).to.deep.include(written);
    // A run that was killed in its first epoch begins anew, and is a seed as the others.
    for (const name of ["metrics.jsonl", "checkpoints"]) {
      await rm(join(made, "mc", "seed-1", name), { recursive: true });
    }
    expect((await mcloss(...args)).stdout).to.equal(stdout);
    const other = await mcloss(...args, "--set", "optimizer.momentum=0.5");
    expect(other.stderr).to.match(
      /holds a reproduction with another recipe\.optimizer\.momentum: 0\.9, now 0\.5/,
    );
    expect((await mcloss("reproduce", "cub200-resnet18", "birds", "--seeds", "2..0")).code).to.equal(2);
  });
});

describe("mcloss ablate", () => {
  it("trains the table's runs on a folder, keeps them, and prints the comparison", async () => {
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

  it("--losses: trains the losses named, and says before it trains which is none or does not fit", async () => {
    await writeColorFolder(join(folder(), "pictures", "train"), 4);
    await writeColorFolder(join(folder(), "pictures", "val"), 2);
    const options = ["--epochs", "1", "--batch-size", "6", "--image-size", "32", "--channels-per-class", "2"];
    const args = ["ablate", "pictures", ...options, "--seeds", "0", "--out", "losses", "--losses"];
    const { code, stdout, stderr } = await mcloss(...args, "ce,no-cwa,pairwise-confusion,arc-face,center");
    expect(code, stderr).to.equal(0);
    const [header, ...rows] = stdout.trimEnd().split("\n");
    expect(header).to.match(/ rank$/);
    expect(rows.map((row) => row.split(/ {2,}/)[0])).to.deep.equal([
      "cross-entropy",
      "MC-Loss α 1.5 β 1, no CWA",
      "pairwise confusion λ 10",
      "ArcFace m 0.5",
      "cross-entropy, center loss λ 0.003",
    ]);
    const unknown = await mcloss(...args, "ce,pairwise-confusoin");
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.match(/--losses has pairwise-confusoin.*did you mean pairwise-confusion/s);
    const unfit = await mcloss(...args, "ce,gradient-boosting");
    expect(unfit.stderr)
      .to.match(/needs class activation maps/)
      .and.not.contain("seed 0");
    expect((await mcloss(...args, "ce,ce")).code).to.equal(2);
  });
});
