import { expect } from "chai";
import { createHash } from "node:crypto";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDataset } from "mutual-channel-loss";
import { openEvaluationSet, type ListDataset } from "mutual-channel-loss/data";
import { fixture } from "../support/datasets.js";
import { rejected } from "../support/errors.js";
import { write } from "../support/image-files.js";
import { temporaryFolder } from "../support/images.js";
import { localServers } from "../support/local-server.js";
import { serveRanges } from "../support/shards.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);

// Made by test/fixtures/datasets/make_parquet.py with pyarrow: see there.
const HUGGING_FACE = fixture("parquet/hugging-face");

async function hashes({ samples }: Pick<ListDataset, "samples">): Promise<string[]> {
  return Promise.all(
    samples.map(async ({ source }) =>
      createHash("sha256")
        .update(await (source as () => Promise<Uint8Array>)())
        .digest("hex"),
    ),
  );
}

describe("Parquet files", () => {
  it("of Hugging Face's layout have their parts, classes and images", async () => {
    const train = await openDataset(HUGGING_FACE, { split: "train" });
    expect(train.classes).to.deep.equal(["jay", "owl", "wren"]);
    expect(train.samples.map(({ label }) => label)).to.deep.equal([0, 1, 2, 0, 1, 2, 0]);
    expect((await openDataset(HUGGING_FACE, { split: "test" })).length).to.equal(2);
    const expected = JSON.parse(await readFile(fixture("parquet/hashes.json"), "utf8")) as string[];
    expect(await hashes(train)).to.deep.equal(expected.slice(0, 7));
    // In another order, by groups of rows.
    const backwards = await hashes({ samples: [...train.samples].reverse() });
    expect(backwards.reverse()).to.deep.equal(expected.slice(0, 7));
  });

  for (const compression of ["none", "snappy", "gzip", "zstd", "brotli"]) {
    it(`compressed by ${compression} are read`, async () => {
      const expected = JSON.parse(await readFile(fixture("parquet/hashes.json"), "utf8")) as string[];
      const set = await openDataset(fixture(`parquet/${compression}.parquet`));
      expect(await hashes(set)).to.deep.equal(expected.slice(0, 3));
      // A column of bytes, and labels that are names.
      expect(set.classes).to.deep.equal(["jay", "owl", "wren"]);
    });
  }

  it("have the labels of a model's classes, by name", async () => {
    const set = await openEvaluationSet({
      dir: HUGGING_FACE,
      split: "train",
      classes: ["wren", "owl", "jay"],
    });
    expect(set.samples.map(({ label }) => label)).to.deep.equal([2, 1, 0, 2, 1, 0, 2]);
  });

  it("on a server have the same images", async () => {
    const bytes = await readFile(fixture("parquet/snappy.parquet"));
    const servers = new Map([["set.parquet", bytes]]);
    const { url } = await listen(serveRanges(servers));
    const there = await openDataset(`${url}/set.parquet`);
    expect(await hashes(there)).to.deep.equal(
      await hashes(await openDataset(fixture("parquet/snappy.parquet"))),
    );
  });
  const listen = localServers();

  it("without a column of images or labels say what they have", async () => {
    const error = await rejected(openDataset(fixture("parquet/no-images.parquet")));
    expect(error.code).to.equal("ERR_DATASET");
    expect(error.message).to.match(/no-images\.parquet has no column of images: it has name, label/);
    const unlabelled = await rejected(openDataset(fixture("parquet/no-labels.parquet")));
    expect(unlabelled.message).to.match(/has no column of labels: it has image/);
  });

  it("that are damaged are an error that names them", async () => {
    const whole = await readFile(fixture("parquet/snappy.parquet"));
    for (const bytes of [Buffer.alloc(0), Buffer.from("PAR1"), whole.subarray(0, -20), whole.subarray(100)]) {
      const file = await write(path("damaged.parquet"), bytes);
      const error = await rejected(openDataset(file));
      expect(error).to.include({ code: "ERR_DATASET", path: file });
    }
    const file = path("holes.parquet");
    await cp(fixture("parquet/snappy.parquet"), file);
    const set = await openDataset(file);
    await writeFile(file, Buffer.concat([Buffer.alloc(400, 0xff), whole.subarray(400)]));
    const error = await rejected(hashes(set));
    expect(error).to.include({ code: "ERR_DATASET", path: file });
  });
});
