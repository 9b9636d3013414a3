import { expect } from "chai";
import { copyFile } from "node:fs/promises";
import { blocks, projectFolder } from "../support/docs.js";
import { fixturePath } from "../support/fixtures.js";

describe("docs/models.md's code", () => {
  const project = projectFolder();

  it("runs, each block by itself", async () => {
    await copyFile(fixturePath("small.pt"), project.path("small.pt"));
    const outputs: string[] = [];
    for (const block of blocks("docs/models.md", "ts")) outputs.push(await project.program(block));
    expect(outputs[0])
      .to.match(/^16349696000$/m)
      .and.match(/^\[ 2, 8 \] \[ 2, 16, 32, 32 \] \[ 2, 48, 32, 32 \]$/m);
    expect(outputs[1]).to.equal("[ 'fc.weight', 'fc.bias' ]\n[ 0.1, 0.01, 0.01 ]\n");
    expect(outputs[2]).to.equal("[ 6000, 7, 7 ]\n[ 600, 14, 14 ]\n");
    expect(outputs[3])
      .to.match(/^6 \[ \{ classes: 6, channels: 2 \} \]$/m)
      .and.match(/'backbone\.layer1\.weight'/);
  });
});
