import { expect } from "chai";
import { parseAllDocuments } from "yaml";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

describe("docs/distributed.md's code", () => {
  const project = projectFolder();

  before(() => writeColorFolder(project.path("photos"), 4));

  it("runs: the command", async () => {
    const small = ["--image-size", "32", "--batch-size", "6", "--epochs", "1"];
    await project.commands(commandsOf("docs/distributed.md"), () => small);
  });

  it("runs: the program, as one process", async () => {
    const [program] = blocks("docs/distributed.md", "ts");
    expect(await project.program(program!)).to.match(/trained by 1/);
  });

  it("is YAML: the manifest", () => {
    const [manifest] = blocks("docs/distributed.md", "yaml");
    const documents = parseAllDocuments(manifest!);
    if (!Array.isArray(documents)) throw new Error("there is none");
    expect(documents.flatMap(({ errors }) => errors)).to.deep.equal([]);
    expect(documents.map((one) => (one.toJSON() as { kind: string }).kind)).to.deep.equal(["Service", "Job"]);
  });
});
