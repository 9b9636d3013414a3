import { expect } from "chai";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DatasetReport, PreparedDataset } from "mutual-channel-loss/data";
import { create } from "tar";
import { fixture } from "../support/datasets.js";
import { temporaryFolder } from "../support/images.js";
import { mclossIn } from "../support/mcloss.js";

const folder = temporaryFolder();

const mcloss = (...args: string[]) => mclossIn(folder(), ...args);

describe("mcloss data", () => {
  before(async () => {
    for (const name of ["CUB_200_2011", "fgvc-aircraft-2013b"]) {
      await cp(fixture(name), join(folder(), name), { recursive: true });
    }
  });

  it("verify: exits with 0 and says what a set in order has", async () => {
    const { code, stdout } = await mcloss("data", "verify", "CUB_200_2011", "--full", "--allow-partial");
    expect(stdout).to.equal(
      "CUB-200-2011 in CUB_200_2011\nclasses 3 · train 6 · test 6\nin order: images were decoded\n",
    );
    expect(code).to.equal(0);
  });

  it("verify: exits with 1 and shows what is wrong, or all of it as JSON", async () => {
    const damaged = join(folder(), "damaged");
    await cp(fixture("CUB_200_2011"), damaged, { recursive: true });
    await rm(join(damaged, "images", "001.Black_footed_Albatross"), { recursive: true });
    const { code, stdout } = await mcloss("data", "verify", "damaged", "--kind", "cub200");
    expect(code).to.equal(1);
    expect(stdout).to.match(/not the whole set: 3\n {2}3 classes, published are 200\n/);
    expect(stdout).to.match(/missing images: 4\n {2}damaged\/images\/001\./);
    expect(stdout).to.match(/not in order\n$/);
    const json = await mcloss("data", "verify", "damaged", "--kind", "cub200", "--json");
    expect(json.code).to.equal(1);
    expect((JSON.parse(json.stdout) as DatasetReport).missing).to.have.length(4);
  });

  it("verify: refuses an unknown kind as wrong usage, and a folder of another kind in one line", async () => {
    expect((await mcloss("data", "verify", ".", "--kind", "birds")).code).to.equal(2);
    const { code, stderr } = await mcloss("data", "verify", "CUB_200_2011", "--kind", "flowers102");
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^mcloss: CUB_200_2011 does not hold Flowers-102: give the folder that has .*\n$/,
    );
  });

  it("prepare: prints the checksum, unpacks and verifies", async () => {
    await create({ file: join(folder(), "birds.tgz"), gzip: true, cwd: fixture(".") }, ["CUB_200_2011"]);
    const { code, stdout, stderr } = await mcloss("data", "prepare", "birds.tgz", "--allow-partial");
    expect(stderr).to.match(/^[0-9a-f]{64} {2}birds\.tgz\n$/);
    expect(stdout).to.match(/^CUB-200-2011 in data\/CUB_200_2011\nclasses 3 .*\nin order/);
    expect(code).to.equal(0);
    const json = await mcloss("data", "prepare", "birds.tgz", "--out", "partial", "--json");
    expect(json.code, "a part of a set is not in order").to.equal(1);
    const result = JSON.parse(json.stdout) as PreparedDataset & { report: DatasetReport };
    expect(result.kind).to.equal("cub200");
    expect(result.report.counts).to.have.length(3);
  });

  it("train and eval: take a set by its kind, hold its test part out, and measure on it", async () => {
    const quick = ["--epochs", "1", "--batch-size", "4", "--image-size", "32", "--out", "run"];
    const partial = ["--kind", "cub200", "--allow-partial"];
    const trained = await mcloss("train", "CUB_200_2011", ...partial, ...quick);
    expect(trained.code, trained.stderr).to.equal(0);
    expect(trained.stderr)
      .to.match(
        /^note: held out is the test part .*\nnote: a test part chooses no best .*\n6 images of 3 classes/,
      )
      .and.match(/held-out/);
    const measured = await mcloss("eval", "run", "CUB_200_2011", ...partial, "--json");
    expect((JSON.parse(measured.stdout) as { images: number }).images).to.equal(6);
    const whole = await mcloss("train", "CUB_200_2011", "--kind", "cub200", ...quick, "--overwrite");
    expect(whole.code).to.equal(1);
    expect(whole.stderr).to.match(/is not the whole of CUB-200-2011: .*--allow-partial/);
    const other = await mcloss("eval", "run", "fgvc-aircraft-2013b", "--allow-partial");
    expect(other.stderr).to.match(/has the class "707-320", which the model does not know/);
  });
});
