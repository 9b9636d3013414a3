import { expect } from "chai";
import { join } from "node:path";
import { blocks, commandsOf, projectFolder, readPage, ROOT, TSX } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

// What .ci/run runs by itself, from a clean checkout.
const RUN_BY_THE_GATE = ["npm run demo", "npm cit"];

describe("README's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await writeColorFolder(project.path("photos", "test"), 3);
  });

  it("is that of examples/", () => {
    const examples = ["train.ts", "loss.ts"].map((name) => readPage(join("examples", name)));
    expect(blocks("README.md", "ts")).to.deep.equal(examples);
  });

  it("runs: examples/train.ts trains and prints every epoch", async () => {
    const output = await project.node("--import", TSX, join(ROOT, "examples", "train.ts"));
    expect(output.trim().split("\n")).to.have.length(10);
    expect(output).to.match(/^10 \d+\.\d+ (0\.\d+|1)$/m);
  });

  it("runs: examples/loss.ts prints the three terms and the gradient's shape", async () => {
    const output = await project.node("--import", TSX, join(ROOT, "examples", "loss.ts"));
    expect(output).to.match(/^\d+\.\d+ \d+\.\d+ 0\.\d+ \[ 4, 18, 7, 7 \]$/m);
  });

  for (const page of ["README.md", "CONTRIBUTING.md"]) {
    it(`runs: the commands of ${page}`, async function () {
      this.timeout(60_000);
      await project.commands(commandsOf(page).filter((command) => !RUN_BY_THE_GATE.includes(command)));
    });
  }
});
