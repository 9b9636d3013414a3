import { expect } from "chai";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { openDataset } from "mutual-channel-loss";
import { openEvaluationSet, verifyDataset } from "mutual-channel-loss/data";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { rejected } from "../support/errors.js";
import { makeFolder, removeFolder, write } from "../support/image-files.js";

describe("the parts of a folder", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  /** A folder with so many images in each of its folders. */
  async function folders(counts: Readonly<Record<string, number>>, root = dir): Promise<string> {
    for (const [folder, count] of Object.entries(counts)) {
      await mkdir(join(root, folder), { recursive: true });
      for (let i = 0; i < count; i += 1) await write(join(root, folder, `${i}.png`), `${folder} ${i}`);
    }
    return root;
  }
  const classes = (part: string, count = 1) => ({ [`${part}/jay`]: count, [`${part}/wren`]: count });

  for (const [train, val, test] of [
    ["train", "val", "test"],
    ["train", "valid", "test"],
    ["Train", "Validation", "Test"],
    ["training", "VAL", "testing"],
  ] as const) {
    it(`are ${train}, ${val} and ${test}`, async () => {
      await folders({ ...classes(train, 3), ...classes(val, 2), ...classes(test, 1) });
      const sets = await openTrainingSets({ dir });
      expect([sets.images.length, sets.heldOut?.length, sets.chooses]).to.deep.equal([6, 4, true]);
      expect(sets.notes.join()).to.contain("test part").and.contain("left alone");
      expect(await openEvaluationSet({ dir })).to.have.length(2);
      expect((await verifyDataset(dir)).images).to.deep.equal({ train: 6, val: 4, test: 2 });
    });
  }

  it("are held out but choose nothing where there is a test part alone, and it is told", async () => {
    await folders({ ...classes("train", 3), ...classes("test") });
    const sets = await openTrainingSets({ dir });
    expect([sets.images.length, sets.heldOut?.length, sets.chooses]).to.deep.equal([6, 2, false]);
    expect(sets.notes.join()).to.match(/held out is the test part/);
    const asked = await openTrainingSets({ dir, validation: join(dir, "test") });
    expect([asked.heldOut?.length, asked.chooses]).to.deep.equal([2, true]);
  });

  it("of a folder given for validation are its validation part, or its test part", async () => {
    await folders({ ...classes("train", 3), ...classes("test") });
    const other = await makeFolder();
    try {
      await folders({ ...classes("train", 5), ...classes("valid", 2) }, other);
      const sets = await openTrainingSets({ dir, validation: other });
      expect([sets.heldOut?.length, sets.chooses]).to.deep.equal([4, true]);
      expect(sets.notes.join()).to.contain(`the val part of ${other}`);
    } finally {
      await removeFolder(other);
    }
  });

  it("may not be there twice", async () => {
    await folders({ ...classes("train"), ...classes("val"), ...classes("valid") });
    const error = await rejected(openDataset(dir));
    expect(error).to.include({ code: "ERR_DATASET", path: dir });
    expect(error.message).to.contain("val/, valid/").and.contain("keep one");
  });

  it("may be a class's name, in parts too", async () => {
    await folders({ bus: 1, car: 1, train: 1 });
    for (const kind of [undefined, "folder"] as const) {
      expect((await openDataset(dir, kind ? { kind } : {})).classes).to.deep.equal(["bus", "car", "train"]);
    }
    const divided = await folders(
      { "train/bus": 2, "train/train": 2, "test/bus": 1, "test/train": 1 },
      join(dir, "set"),
    );
    const sets = await openTrainingSets({ dir: divided });
    expect(sets.images.classes).to.deep.equal(["bus", "train"]);
    expect([sets.images.length, sets.heldOut?.length]).to.deep.equal([4, 2]);
    expect((await openDataset(join(divided, "train"))).classes).to.deep.equal(["bus", "train"]);
  });

  it("may be in classes' names: trains of two kinds", async () => {
    await folders({ "freight train": 1, "passenger train": 1 });
    expect(await openDataset(dir)).to.have.length(2);
  });

  for (const [what, counts, message] of [
    ["unsorted images", { train: 2, test1: 2 }, /test1\/, train\/ .* not sorted into classes/],
    ["unsorted training images", { train: 2, "val/jay": 1, "val/wren": 1 }, /train\/ .* not sorted/],
    [
      "parts of other names",
      { ...classes("seg_train"), ...classes("seg_test"), seg_pred: 2 },
      /seg_test\/, seg_train\/ .* look like parts/,
    ],
    ["a part or a class", { "train/2019": 1, bus: 1, car: 1 }, /train\/, with folders .* bus\/, car\//],
    ["nothing to train on", { ...classes("valid"), ...classes("test") }, /nothing to train on/],
    ["one class", { jay: 3 }, /one class alone, "jay"/],
    ["one class in train", { "train/jay": 3, "test/jay": 1 }, /one class alone, "jay"/],
  ] as const) {
    it(`are refused where they are ${what}`, async () => {
      await folders(counts);
      const error = await rejected(openTrainingSets({ dir }));
      expect(error.code).to.equal("ERR_DATASET");
      expect(error.message).to.match(message).and.contain(dir);
    });
  }

  it("leave out a test part whose images are in no classes, and other folders, and say so", async () => {
    await folders({ ...classes("train", 2), test: 3, "masks/a": 1, "masks/b": 1 });
    const { images, heldOut, notes } = await openTrainingSets({ dir });
    expect([images.length, heldOut]).to.deep.equal([4, undefined]);
    expect(notes.join()).to.match(/masks\/, test\/ .* are passed over/);
  });

  it("are found in folders that archives have doubled", async () => {
    const name = basename(dir);
    await folders({
      [`${name}/train/train/jay`]: 2,
      [`${name}/train/train/wren`]: 2,
      ...classes(`${name}/val`),
    });
    const sets = await openTrainingSets({ dir });
    expect([sets.images.length, sets.heldOut?.length, sets.images.classes]).to.deep.equal([
      4,
      2,
      ["jay", "wren"],
    ]);
    expect(sets.notes.join()).to.contain(join(dir, name));
  });

  it("may have images beside the classes' folders, which are passed over and told", async () => {
    await folders({ ...classes("train", 2), ...classes("val") });
    await write(join(dir, "train/stray.png"), "");
    await write(join(dir, "train/README.txt"), "");
    const { images, heldOut, notes } = await openTrainingSets({ dir });
    expect([images.length, heldOut?.length]).to.deep.equal([4, 2]);
    expect(notes.join())
      .to.contain(`such as ${join(dir, "train/stray.png")}`)
      .and.contain("1 .txt");
  });

  it("may be a class some of whose images are in folders", async () => {
    await folders({ bus: 2, train: 2, "train/old": 1 });
    const { images } = await openTrainingSets({ dir });
    expect([images.classes, images.length]).to.deep.equal([["bus", "train"], 5]);
  });

  it("are looked for by the user one folder deeper where there is one class alone", async () => {
    await folders({ "photos/jay": 1, "photos/wren": 1 });
    const error = await rejected(openTrainingSets({ dir }));
    expect(error.message).to.contain(`Give ${join(dir, "photos")} if its folders are the classes`);
  });

  it("tell which classes have no training image", async () => {
    await folders({ "train/jay": 1, "train/wren": 1, "train/owl": 0 });
    const { notes, images } = await openTrainingSets({ dir, allowEmpty: true });
    expect(images.classes).to.have.length(3);
    expect(notes).to.include("1 of 3 classes have no training image: owl");
  });
});
