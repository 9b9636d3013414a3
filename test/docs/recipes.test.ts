import { expect } from "chai";
import { writeFile } from "node:fs/promises";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/recipes.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
    const [yaml] = blocks("docs/recipes.md", "yaml");
    await writeFile(project.path("small.yaml"), yaml!);
  });

  it("runs: the commands", async () => {
    await project.commands(commandsOf("docs/recipes.md"));
  });

  it("runs: the program", async () => {
    const [program] = blocks("docs/recipes.md", "ts");
    expect(await project.program(program!)).to.match(/^3 \d+\.\d+ /m);
  });
});
