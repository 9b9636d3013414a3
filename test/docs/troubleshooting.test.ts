import { expect } from "chai";
import { readdirSync } from "node:fs";
import { join } from "node:path";
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

  it("has every error code, and no other", () => {
    const codes = [...readPage("lib/errors.ts").matchAll(/^ {2}\| "(\w+)"/gm)].map(([, code]) => code!);
    const documented = [...page.matchAll(/^\| `(ERR_\w+)`/gm)].map(([, code]) => code!);
    expect(codes).to.not.be.empty;
    expect(documented).to.have.members(codes);
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
