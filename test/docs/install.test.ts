import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { blocks, commandsOf, projectFolder, readPage, ROOT } from "../support/docs.js";
import { managers } from "../install/managers.js";
import { runtimes } from "../install/runtimes.js";

// Its configurations of bundlers are run by `npm run try:install`.
describe("docs/install.md", () => {
  const page = readPage("docs/install.md");
  const project = projectFolder();

  it("runs: its command", async () => {
    await project.commands(commandsOf("docs/install.md"));
  });

  it("is right that programs of the pages and the examples do without `using`", () => {
    const pages = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
    const examples = readdirSync(join(ROOT, "examples")).filter((name) => name.endsWith(".ts"));
    const programs = [
      ...["README.md", ...pages.map((name) => join("docs", name))].flatMap((page) => blocks(page, "ts")),
      ...examples.map((name) => readPage(join("examples", name))),
    ];
    expect(programs).to.have.length.above(20);
    expect(programs.filter((program) => /^\s*(await )?using \w+ =/m.test(program))).to.deep.equal([]);
  });

  it("has every package manager and runtime that is tried", () => {
    const rows = [...page.matchAll(/^\| (\w[^|]*?) +\|/gm)].map(([, name = ""]) => name.toLowerCase());
    for (const name of [...Object.keys(managers), ...Object.keys(runtimes)]) {
      const [program = "", version = ""] = name.toLowerCase().split(/[ ,]+/);
      expect(
        rows.some((row) => row.includes(program) && row.includes(version)),
        name,
      ).to.equal(true);
    }
  });
});
