import { expect } from "chai";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "tar";
import { parse } from "yaml";
import { parseRecipe } from "mutual-channel-loss/train";
import { fixture } from "../support/datasets.js";
import { blocks, commandsOf, projectFolder } from "../support/docs.js";
import { writeColorFolder } from "../support/images.js";

// What is downloaded, in the published layout but small: test/fixtures/datasets/make.py.
const SMALL: Record<string, string[]> = {
  prepare: ["--any-checksum", "--allow-partial"],
  verify: ["--allow-partial"],
  train: ["--allow-partial"],
  eval: ["--allow-partial"],
};

describe("docs/data.md's code", () => {
  const project = projectFolder();

  before(async () => {
    await writeColorFolder(project.path("photos", "train"));
    await create({ file: project.path("CUB_200_2011.tgz"), gzip: true, cwd: fixture(".") }, ["CUB_200_2011"]);
    const flowers = fixture("flowers-102");
    await create({ file: project.path("102flowers.tgz"), gzip: true, cwd: flowers }, ["jpg"]);
    for (const name of ["imagelabels.mat", "setid.mat"])
      await copyFile(join(flowers, name), project.path(name));
  });

  it("runs: the commands", async () => {
    const small = (command: string) => command.split(" ").flatMap((word) => SMALL[word] ?? []);
    await project.commands(commandsOf("docs/data.md"), small);
  });

  it("is a recipe's: the augmentation", () => {
    const [yaml] = blocks("docs/data.md", "yaml");
    const { transforms, mix } = parseRecipe(parse(yaml!));
    expect(transforms.train).to.have.length(5);
    expect(mix).to.have.length(2);
  });

  it("runs: the programs", async () => {
    const programs = blocks("docs/data.md", "ts");
    expect(programs).to.have.length(2);
    for (const program of programs) {
      expect(await project.program(program)).to.match(/001\.Black_footed_Albatross|\[ 'jay', 'wren' \]/);
    }
  });
});
