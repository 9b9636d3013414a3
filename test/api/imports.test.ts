import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/docs.js";
import { temporaryFolder } from "../support/images.js";

/** What is loaded where it is used, and not before. */
const LATE = [
  ...["sharp", "protobufjs", "tar", "csv-parse", "yaml", "yauzl"],
  ...["cli-progress", "commander", "d3-scale-chromatic", "jstat", "uplot"],
];
const SUBPATHS = ["tensor", "loss", "data", "models", "train", "report", "visualize", "setup"];

describe("importing", () => {
  const folder = temporaryFolder();

  /** The files that an import loads, as V8 lists them. */
  function loadedBy(specifier: string): string[] {
    const coverage = join(folder(), specifier.replace("/", "-"));
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "--eval", `await import(${JSON.stringify(specifier)})`],
      { cwd: ROOT, env: { ...process.env, NODE_V8_COVERAGE: coverage }, encoding: "utf8" },
    );
    expect(status, stderr).to.equal(0);
    return readdirSync(coverage).flatMap((name) => {
      const { result } = JSON.parse(readFileSync(join(coverage, name), "utf8")) as {
        result: { url: string }[];
      };
      return result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
    });
  }

  const packageOf = (url: string) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  const roomOf = (url: string) => /\/dist\/(\w+)\//.exec(url)?.[1];
  const unique = (names: (string | undefined)[]) => [...new Set(names.filter((name) => name !== undefined))];

  for (const specifier of ["", ...SUBPATHS].map((subpath) => join("mutual-channel-loss", subpath))) {
    it(`${specifier} loads no library before it is used`, () => {
      const packages = unique(loadedBy(specifier).map(packageOf));
      expect(packages.filter((name) => LATE.includes(name) || name.startsWith("@img"))).to.deep.equal([]);
    });
  }

  it("the loss loads the tensors and itself", () => {
    const files = loadedBy("mutual-channel-loss/loss");
    expect(unique(files.map(roomOf))).to.have.members(["api", "loss", "tensor", "native", "addon"]);
    expect(unique(files.map(packageOf))).to.have.members(["zod", "fastest-levenshtein"]);
  });

  it("the tensors load no data, networks or training", () => {
    const files = loadedBy("mutual-channel-loss/tensor");
    expect(unique(files.map(roomOf))).to.have.members(["api", "tensor", "native", "addon", "io"]);
    expect(unique(files.map(packageOf))).to.have.members(["zod", "fastest-levenshtein"]);
  });

  it("the root loads no recipes, which take a third of its time, before they are used", () => {
    const files = loadedBy("mutual-channel-loss").filter((url) => roomOf(url) === "recipes");
    expect(unique(files.map((url) => url.split("/").at(-1)))).to.deep.equal(["train.js"]);
  });

  it("setup loads nothing that is for training", () => {
    const files = loadedBy("mutual-channel-loss/setup");
    expect(unique(files.map(roomOf))).to.have.members(["api", "setup", "addon", "io"]);
  });
});
