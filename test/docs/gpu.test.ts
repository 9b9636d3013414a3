import { expect } from "chai";
import { blocks, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

// Its commands are run by .ci/run.
describe("docs/gpu.md's code", () => {
  const project = projectFolder();

  it("runs, on the CPU where there is no GPU", async () => {
    await writeColorFolder(project.path("photos", "train"));
    const [block = ""] = blocks("docs/gpu.md", "ts");
    expect(Number(await project.program(block))).to.be.above(0);
  });
});
