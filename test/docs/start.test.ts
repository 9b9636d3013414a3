import { expect } from "chai";
import { access } from "node:fs/promises";
import { commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/start.md's code", () => {
  const project = projectFolder();

  it("runs: the commands", async function () {
    this.timeout(300_000);
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
    const commands = commandsOf("docs/start.md");
    expect(commands).to.include("npx mcloss setup").and.have.length(9);
    await project.commands(commands, (command) => (command.includes(" train ") ? ["--epochs", "3"] : []));
    await access(project.path("pictures", "0.png"));
    await access(project.path("report.html"));
  });
});
