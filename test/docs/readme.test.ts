import { expect } from "chai";
import { join } from "node:path";
import { blocks, commandsOf, projectFolder, readPage } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

// What .ci/run runs by itself, from a clean checkout.
const RUN_BY_THE_GATE = ["npm run demo", "npm cit"];

describe("README's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
  });

  it("is that of examples/train.ts, and runs: it trains, measures and predicts", async () => {
    const [code, ...others] = blocks("README.md", "ts");
    expect(others).to.be.empty;
    expect(code).to.equal(readPage(join("examples", "train.ts")));
    const output = await project.program(code!);
    expect(output).to.match(/^held-out accuracy: (0(\.\d+)?|1)$/m);
    expect(output).to.match(/^\S+0\.png (red|green|blue) (0\.\d+|1)$/m);
  });

  for (const page of ["README.md", "CONTRIBUTING.md"]) {
    it(`runs: the commands of ${page}`, async () => {
      await project.commands(commandsOf(page).filter((command) => !RUN_BY_THE_GATE.includes(command)));
    });
  }
});
