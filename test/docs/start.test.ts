import { expect } from "chai";
import { access } from "node:fs/promises";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/start.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
  });

  it("runs: the commands", async function () {
    this.timeout(300_000);
    const commands = commandsOf("docs/start.md");
    expect(commands).to.include("npx mcloss setup").and.have.length(9);
    await project.commands(commands, (command) => (command.includes(" train ") ? ["--epochs", "3"] : []));
    await access(project.path("pictures", "0.png"));
    await access(project.path("report.html"));
  });

  it("runs: the program", async () => {
    const [program = ""] = blocks("docs/start.md", "ts");
    const output = await project.program(program.replace("epochs: 40", "epochs: 3"));
    expect(output)
      .to.match(/^3 (1|0\.\d+)$/m)
      .and.match(/held-out accuracy: .* with runs\/strong/);
    expect(output).to.match(/^photos\/test\/red\/0.png (red|green|blue) /m);
  });
});
