import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "#lib/errors.js";
import { commandsOf, projectFolder, readPage, ROOT } from "../support/docs.js";

const page = readPage("docs/troubleshooting.md");

/** All of the package's code that can say something. */
function sources(): string {
  const files = readdirSync(join(ROOT, "lib"), { recursive: true, encoding: "utf8" });
  const texts = files.filter((file) => file.endsWith(".ts")).map((file) => readPage(join("lib", file)));
  // Texts that are broken over lines are joined.
  return texts.join("\n").replace(/[`"] \+\s+[`"]/g, "");
}

describe("docs/troubleshooting.md", () => {
  const project = projectFolder();

  it("has every error code with what it says, and no other", () => {
    const rows = [...page.matchAll(/^\| `(ERR_\w+)` +\| (.*?) +\|/gm)];
    expect(Object.fromEntries(rows.map(([, code, text]) => [code!, text!]))).to.deep.equal(ERRORS);
  });

  it("quotes errors that the package has", () => {
    const known = sources();
    const quoted = [...page.matchAll(/\*\*`([^`]+)`/g)].map(([, text]) => text!);
    expect(quoted).to.have.length.above(10);
    // LibTorch's own, which tests of the addon see.
    const own = quoted.filter((text) => !text.startsWith("PyTorch is"));
    for (const text of own) {
      const literal = text.replace(/: … version.*|with cmake|NaN in epoch/, "");
      for (const part of literal
        .split(/[…()]/)
        .map((piece) => piece.trim())
        .filter((piece) => piece.length > 8))
        expect(known, text).to.contain(part);
    }
  });

  it("runs: its command", async () => {
    await project.commands(commandsOf("docs/troubleshooting.md"));
  });

  it("is on the index, as all pages are", () => {
    const pages = readdirSync(join(ROOT, "docs")).filter(
      (name) => name.endsWith(".md") && name !== "README.md",
    );
    const index = [...readPage("docs/README.md").matchAll(/\]\((\w+\.md)\)/g)].map(([, name]) => name!);
    expect(index).to.have.members(pages);
  });
});
