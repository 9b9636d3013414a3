import { expect } from "chai";
import * as networks from "#lib/models/networks/index.js";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/docs.js";
import { root, subpaths } from "../support/api.js";

/** What `npm run generate` lists; a change of it is a change of the public names. */
const listed = JSON.parse(readFileSync(new URL("exports.json", import.meta.url), "utf8")) as Record<
  string,
  { values: string[]; types: string[] }
>;

const namesOf = (subpath: string) => [...listed[subpath]!.values, ...listed[subpath]!.types];
const others = Object.keys(listed).filter((subpath) => subpath !== ".");

describe("the public names", () => {
  it("are those of exports.json, types included", () => {
    const script = join(ROOT, "scripts", "generate-exports.js");
    const { stderr } = spawnSync(process.execPath, [script, "--check"], { cwd: ROOT, encoding: "utf8" });
    expect(stderr).to.equal("");
  });

  for (const [subpath, names] of Object.entries({ ".": root, ...subpaths })) {
    it(`are there to call in ${subpath}`, () => {
      const path = subpath === "." ? subpath : `./${subpath}`;
      expect(Object.keys(names)).to.have.members(listed[path]!.values);
    });
  }

  it("are in one subpath each", () => {
    const places = new Map<string, string[]>();
    for (const subpath of others)
      for (const name of namesOf(subpath)) places.set(name, [...(places.get(name) ?? []), subpath]);
    expect([...places].filter(([, at]) => at.length > 1)).to.deep.equal([]);
  });

  it("of the root are some fifty of the subpaths', the networks and the fixed ones among them", () => {
    expect(others.flatMap(namesOf)).to.include.members(namesOf("."));
    expect(namesOf(".")).to.include.members(Object.keys(networks));
    expect(namesOf(".").length - Object.keys(networks).length).to.be.below(50);
    expect(namesOf(".")).to.include.members([
      ...["Tensor", "tensor", "mcLoss", "ChannelGroups", "cuda", "tidy", "memory", "clipGradNorm"],
      ...["resnet18", "resnet50", "vgg16", "Trainer", "ImageFolder", "DataLoader", "loadModel", "Classifier"],
    ]);
  });

  it("that mean something else elsewhere are not in the root", () => {
    const ambiguous = ["normalize", "resize", "pad", "describe", "manifest", "recipes", "slice"];
    expect(namesOf(".")).to.not.include.members(ambiguous);
    expect(others.flatMap(namesOf)).to.include.members(ambiguous);
  });
});
