import { expect } from "chai";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { saveModel, smallResNet } from "mutual-channel-loss";
import { normalize } from "mutual-channel-loss/data";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { COLORS, writeColorFolder } from "../support/images.js";
import { writeRecordedRun } from "../support/recorded-run.js";

describe("docs/report.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "test"), 3);
    for (const name of ["birds", "baseline"]) {
      const checkpoints = join(await writeRecordedRun(project.path("runs", name)), "checkpoints");
      await mkdir(checkpoints, { recursive: true });
      const info = { classNames: Object.keys(COLORS), normalization: normalize() };
      const model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8, info });
      await saveModel(model, join(checkpoints, "best.safetensors"));
    }
  });

  it("runs: the commands", async () => {
    const commands = commandsOf("docs/report.md");
    expect(commands).to.have.length(3);
    await project.commands(commands);
  });

  it("runs: the program", async () => {
    const [program] = blocks("docs/report.md", "ts");
    expect(await project.program(program!)).to.match(
      /^http:\/\/127\.0\.0\.1:\d+\/\n\[ \[ 'birds', 0\.3 \], \[ 'baseline', 0\.3 \] \]\n$/,
    );
  });
});
