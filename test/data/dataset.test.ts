import { expect } from "chai";
import { type Sample } from "mutual-channel-loss";
import { datasetFrom } from "mutual-channel-loss/data";
import { caught, rejected } from "../support/errors.js";

interface Row extends Sample {
  id: number;
}

async function* rows(count: number): AsyncGenerator<Row> {
  for (let id = 0; id < count; id += 1) {
    const source = (): Promise<Uint8Array> => Promise.resolve(Uint8Array.of(id));
    yield await Promise.resolve({ id, path: `row ${id}`, label: id % 2, source });
  }
}

describe("datasetFrom", () => {
  it("makes a data set of an async iterable, and keeps its samples as they are", async () => {
    const set = await datasetFrom(rows(3), { classes: ["a", "b"] });
    expect(set.classes).to.deep.equal(["a", "b"]);
    expect(set.length).to.equal(3);
    expect(set.sample(2).id).to.equal(2);
    const { source } = set.sample(1);
    expect(typeof source === "function" && (await source())).to.deep.equal(Uint8Array.of(1));
    expect(caught(() => set.sample(3))).to.include({ code: "ERR_ARGUMENT", argument: "index" });
  });

  it("takes bytes and paths too, from an array", async () => {
    const samples: Sample[] = [
      { path: "a.png", label: 0 },
      { path: "in memory", label: 0, source: Uint8Array.of(1, 2) },
    ];
    expect((await datasetFrom(samples, { classes: ["a"] })).samples).to.deep.equal(samples);
  });

  it("names the sample whose label is no class, or that has no path, and refuses none", async () => {
    const label = await rejected(datasetFrom([{ path: "a.png", label: 2 }], { classes: ["a", "b"] }));
    expect(label).to.include({ code: "ERR_DATASET", path: "a.png" });
    expect(label.message).to.match(/sample 0 \(a\.png\) has the label 2, but there are 2 classes/);
    const path = await rejected(datasetFrom([{ path: "", label: 0 }], { classes: ["a"] }));
    expect(path.message).to.match(/sample 0 has no path/);
    expect((await rejected(datasetFrom([], { classes: ["a"] }))).message).to.match(/give at least one image/);
  });
});
