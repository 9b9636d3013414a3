import { expect } from "chai";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ImageFolder, saveModel, smallResNet } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/deploy.md's code", () => {
  const project = projectFolder();

  it("runs: the commands and the program", async () => {
    const { classes } = await ImageFolder.open(await writeColorFolder(project.path("photos", "train")));
    const checkpoints = project.path("runs", "photos", "checkpoints");
    const info = { classNames: classes, transforms: [resize(32), normalize()] };
    await mkdir(checkpoints, { recursive: true });
    using model = smallResNet({ classes: 3, inputSize: 32, width: 16, info });
    await saveModel(model, join(checkpoints, "last.safetensors"));
    await project.commands(commandsOf("docs/deploy.md"));
    const [program] = blocks("docs/deploy.md", "ts");
    expect(await project.program(program!)).to.match(/^photos\/train\/red\/0\.png (blue|green|red)\n$/m);
  });
});
