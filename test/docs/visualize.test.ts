import { expect } from "chai";
import { cp } from "node:fs/promises";
import { fixture } from "../support/datasets.js";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/visualize.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
    await cp(fixture("CUB_200_2011"), project.path("data", "CUB_200_2011"), { recursive: true });
  });

  it("runs: the commands, and the program on what they made", async function () {
    this.timeout(300_000);
    const small = (command: string) => {
      if (command.includes("CUB_200_2011")) return ["--allow-partial"];
      return command.includes(" train ") ? ["--image-size", "64"] : [];
    };
    await project.commands(commandsOf("docs/visualize.md"), small);
    const [program] = blocks("docs/visualize.md", "ts");
    expect(await project.program(program!)).to.match(/^0\.\d+ 0\.\d+ 3$/m);
  });
});
