import { expect } from "chai";
import { blocks, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/losses.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
  });

  it("runs, each block by itself", async () => {
    const outputs: string[] = [];
    for (const block of blocks("docs/losses.md", "ts")) outputs.push(await project.program(block));
    expect(outputs[0]).to.equal("19\n");
    expect(outputs[1])
      .to.match(/^runs\/ablation\/ccap\/seed-1 (0\.\d+|0|1)$/m)
      .and.match(/^MC-Loss α 1\.5 β 20, no CWA +2 /m);
  });
});
