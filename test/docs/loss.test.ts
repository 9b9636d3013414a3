import { expect } from "chai";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { blocks, projectFolder, ROOT } from "../support/docs.js";

describe("docs/loss.md's code", () => {
  const project = projectFolder();

  it("runs: the program", async () => {
    const [program] = blocks("docs/loss.md", "ts");
    const [groups, rest] = (await project.program(program!)).split(/\]\n/);
    expect(groups)
      .to.match(/classes: 152, channels: 10/)
      .and.match(/classes: 48, channels: 11/);
    expect(Number(rest)).to.be.closeTo(0, 1e-4);
  });

  it("runs: what draws its pictures, whose numbers are those of mcLoss", async () => {
    await project.node(join(ROOT, "scripts", "docs", "loss-pictures.js"), project.path());
    expect(await readdir(project.path())).to.include.members([
      "loss-discriminality.png",
      "loss-diversity.png",
    ]);
  });
});
