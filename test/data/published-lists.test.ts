import { expect } from "chai";
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readDataset } from "#lib/data/open-dataset.js";
import { checkCounts, countParts } from "#lib/data/sets/counts.js";
import type { DatasetKind } from "#lib/data/sets/layout.js";
import { throwProblem } from "#lib/data/sets/problems.js";
import { temporaryFolder } from "../support/images.js";

// The annotation files of published sets as people have them, without the images: no part of the repository.
const published = fileURLToPath(new URL("../../../shared/published/", import.meta.url));
const folder = temporaryFolder();

/** What was found in them beside the counts. */
const SETS: readonly (readonly [kind: DatasetKind, first: string])[] = [
  ["cub200", "001.Black_footed_Albatross"],
  ["nabirds", "Common Eider (Adult male)"],
  ["stanford-cars", "AM General Hummer SUV 2000"],
  ["flowers102", "pink primrose"],
  ["food101", "Apple pie"],
];

describe("published annotation files", () => {
  before(function () {
    if (existsSync(published)) return;
    // Mocha prints the reason beside the skipped tests.
    this.test!.parent!.title += " (skipped: they are not beside the repository)";
    this.skip();
  });

  for (const [kind, first] of SETS) {
    it(`of ${kind} have the published counts`, async () => {
      const read = await readDataset(join(published, kind), throwProblem, { keepMissing: true });
      expect(read.kind).to.equal(kind);
      checkCounts(read);
      expect(read.classes).to.include(first);
      expect(new Set(read.samples.map(({ label }) => label)).size).to.equal(read.classes.length);
    });
  }

  it("of fgvc-aircraft have the published test part and training images", async () => {
    // The division of these, and the boxes, are not the published ones; families and manufacturers are not there.
    const copy = join(folder(), "aircraft");
    await mkdir(copy);
    await cp(join(published, "fgvc-aircraft", "data"), join(copy, "data"), { recursive: true });
    const read = await readDataset(copy, throwProblem, { keepMissing: true });
    const { train = 0, val = 0, test } = countParts(read.samples);
    expect([read.kind, train + val, test, read.classes.length]).to.deep.equal([
      "fgvc-aircraft",
      6667,
      3333,
      100,
    ]);
  });
});
