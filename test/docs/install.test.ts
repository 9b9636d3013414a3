import { expect } from "chai";
import { commandsOf, projectFolder, readPage } from "../support/docs.js";
import { managers } from "../install/managers.js";
import { runtimes } from "../install/runtimes.js";

// Its configurations of bundlers are run by `npm run try:install`.
describe("docs/install.md", () => {
  const page = readPage("docs/install.md");
  const project = projectFolder();

  it("runs: its command", async () => {
    await project.commands(commandsOf("docs/install.md"));
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
