import { expect } from "chai";
import { existsSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openDataset } from "mutual-channel-loss";
import { cub200, nabirds, openEvaluationSet, stanfordCars, verifyDataset } from "mutual-channel-loss/data";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { rejected } from "../support/errors.js";
import { copyFixture } from "../support/datasets.js";
import { makeFolder, removeFolder, write } from "../support/image-files.js";

const PART = { allowPartial: true } as const;

describe("a published set that is not whole", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await makeFolder();
  });
  afterEach(() => removeFolder(folder));

  for (const [set, files, title, lacks = files] of [
    ["CUB_200_2011", ["image_class_labels.txt"], "CUB-200-2011"],
    ["CUB_200_2011", ["train_test_split.txt", "classes.txt"], "CUB-200-2011"],
    ["stanford_cars", ["devkit/cars_train_annos.mat"], "Stanford Cars"],
    [
      "stanford_cars",
      ["devkit", "cars_test_annos_withlabels.mat"],
      "Stanford Cars",
      ["devkit/cars_meta.mat", "devkit/cars_train_annos.mat, or cars_annos.mat"],
    ],
    ["fgvc-aircraft-2013b", ["data/variants.txt"], "FGVC-Aircraft"],
    ["flowers-102", ["setid.mat"], "Flowers-102"],
  ] as const) {
    it(`says that ${set} lacks ${files.join(" and ")}, and is not taken for a folder of classes`, async () => {
      const root = await copyFixture(set, folder);
      if (set === "stanford_cars")
        for (const part of ["cars_train", "cars_test"]) await mkdir(join(root, part), { recursive: true });
      for (const file of files) await rm(join(root, file), { recursive: true });
      for (const open of [
        () => openDataset(root),
        () => openTrainingSets({ dir: root, ...PART }),
        () => verifyDataset(root),
      ]) {
        const { message, code } = await rejected(open());
        expect(code).to.equal("ERR_DATASET");
        expect(message).to.contain(`${root} looks like ${title} but lacks ${lacks.join(" and ")}`);
        expect(message).to.contain("--kind folder");
      }
    });
  }

  it("is opened as folders where that is asked for", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    await rm(join(root, "image_class_labels.txt"));
    expect((await openDataset(join(root, "images"))).classes).to.have.length(3);
    const error = await rejected(openTrainingSets({ dir: root, kind: "folder" }));
    expect(error.message).to.contain("one class alone");
  });

  it("has the images that are there, where a part is allowed, and says how many are not", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    const all = (await cub200(root, PART)).samples;
    await rm(all[0]!.path);
    const set = await cub200(root, PART);
    expect(set.samples).to.deep.equal(all.slice(1));
    expect(set.notes).to.deep.equal(["1 of 12 listed images are not there and are left out"]);
    const report = await verifyDataset(root, PART);
    expect(report).to.deep.include({ missing: [all[0]!.path], ok: true });
  });

  it("may lack the labels of Stanford Cars' test part, and is trained on without it", async () => {
    const root = await copyFixture("stanford_cars", folder);
    await rm(join(root, "cars_test_annos_withlabels.mat"));
    const { images, heldOut, notes } = await openTrainingSets({ dir: root, ...PART });
    expect([images.length, heldOut]).to.deep.equal([5, undefined]);
    expect(notes.join()).to.contain("cars_test_annos_withlabels.mat is not in");
    const test = await rejected(openEvaluationSet({ dir: root, split: "test", ...PART }));
    expect(test.message).to.match(/no images in test: .*cars_test_annos_withlabels\.mat is not in/);
    // Its own counts are still compared, and no others.
    expect((await rejected(stanfordCars(root))).message)
      .to.match(/5 images in train/)
      .and.not.match(/in test/);
  });

  it("may lie in folders that archives have doubled", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    const outer = join(folder, "outer");
    await mkdir(join(outer, "CUB_200_2011"), { recursive: true });
    await rename(root, join(outer, "CUB_200_2011/CUB_200_2011"));
    expect(await openDataset(outer, PART)).to.have.length(6);
    expect(await openDataset(join(outer, "CUB_200_2011"), PART)).to.have.length(6);
    const cars = await copyFixture("stanford_cars", folder);
    await mkdir(join(cars, "cars_train/cars_train"), { recursive: true });
    const { missing } = await verifyDataset(cars, PART);
    expect(missing[0]).to.contain("cars_train/cars_train/");
  });
});

describe("nabirds", () => {
  let root: string;
  beforeEach(async () => {
    root = join(await makeFolder(), "birds");
    const files = {
      "images.txt": "a-1 0817/a1.jpg\nb-2 0009/b2.jpg\nc-3 0817/c3.jpg\nd-4 0009/d4.jpg\n",
      "image_class_labels.txt": "a-1 817\nb-2 9\nc-3 817\nd-4 9\n",
      "train_test_split.txt": "a-1 1\nb-2 1\nc-3 0\nd-4 0\n",
      "bounding_boxes.txt": "a-1 83 59 128 228\nb-2 1 2 3 4\nc-3 1 2 3 4\nd-4 1 2 3 4\n",
      "classes.txt": "0 Birds\n1 Ducks, Geese, and Swans\n9 Loons\n817 Oak Titmouse\n",
      "hierarchy.txt": "1 0\n9 0\n817 1\n",
      "sizes.txt": "a-1 296 341\n",
    };
    for (const [name, text] of Object.entries(files)) await write(join(root, name), text);
    for (const name of ["0817/a1", "0009/b2", "0817/c3", "0009/d4"])
      await write(join(root, `images/${name}.jpg`), "");
  });
  afterEach(() => removeFolder(join(root, "..")));

  it("has the classes that images have, in the order of their numbers", async () => {
    const set = await nabirds(root, PART);
    expect(set.classes).to.deep.equal(["Loons", "Oak Titmouse"]);
    expect(set.samples).to.deep.equal([
      {
        path: join(root, "images/0817/a1.jpg"),
        label: 1,
        split: "train",
        box: { x: 83, y: 59, width: 128, height: 228 },
      },
      {
        path: join(root, "images/0009/b2.jpg"),
        label: 0,
        split: "train",
        box: { x: 1, y: 2, width: 3, height: 4 },
      },
    ]);
  });

  it("is told from CUB-200-2011, which has the same lists", async () => {
    expect(await verifyDataset(root, PART)).to.include({ kind: "nabirds", title: "NABirds", classes: 2 });
    const whole = await rejected(openDataset(root));
    expect(whole.message).to.contain("not the whole of NABirds: it has 2 classes, published are 555");
    const other = await rejected(cub200(root, PART));
    expect(other.message).to.match(/does not hold CUB-200-2011: .* and no hierarchy\.txt/);
  });

  it("says what it lacks", async () => {
    await rm(join(root, "image_class_labels.txt"));
    expect((await rejected(openDataset(root))).message).to.contain(
      "looks like NABirds but lacks image_class_labels.txt",
    );
  });
});

describe("annotations as they are published", () => {
  const published = join(import.meta.dirname, "../../../shared/published");
  const counts = {
    cub200: { train: 5994, test: 5794 },
    nabirds: { train: 23929, test: 24633 },
    "stanford-cars": { train: 8144, test: 8041 },
    "fgvc-aircraft": { train: 3334, val: 3333, test: 3333 },
    flowers102: { train: 1020, val: 1020, test: 6149 },
  } as const;
  for (const [kind, parts] of Object.entries(counts)) {
    it(`are read of ${kind}, with its counts`, async function () {
      const dir = join(published, kind);
      if (!existsSync(dir)) return this.skip(); // the publishers' files are not in the repository
      const opened = async (split: "train" | "val" | "test") => (await openDataset(dir, { split })).length;
      for (const [part, count] of Object.entries(parts)) expect(await opened(part as "test")).to.equal(count);
    });
  }

  it("are read of Stanford Cars without the labels of the test part, as most people have it", async function () {
    const dir = join(published, "stanford-cars");
    if (!existsSync(dir)) return this.skip(); // the publishers' files are not in the repository
    const folder = await makeFolder();
    try {
      await cp(join(dir, "devkit"), join(folder, "devkit"), { recursive: true });
      expect(await openDataset(folder)).to.have.length(8144);
    } finally {
      await removeFolder(folder);
    }
  });
});
