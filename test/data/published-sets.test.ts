import { expect } from "chai";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openDataset } from "mutual-channel-loss";
import {
  cub200,
  fgvcAircraft,
  flowers102,
  stanfordCars,
  type AircraftLevel,
  type Split,
} from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { copyFixture, fixture } from "../support/datasets.js";
import { makeFolder, removeFolder } from "../support/image-files.js";

const PART = { allowPartial: true } as const;

describe("cub200", () => {
  it("reads images, classes, the official split and boxes", async () => {
    const train = await cub200(fixture("CUB_200_2011"), { ...PART, split: "train" });
    const test = await cub200(fixture("CUB_200_2011"), { ...PART, split: "test" });
    expect(train.classes).to.deep.equal([
      "001.Black_footed_Albatross",
      "002.Laysan_Albatross",
      "003.Chuck_wills_Widow",
    ]);
    expect([train.length, test.length]).to.deep.equal([6, 6]);
    expect(train.sample(0)).to.deep.equal({
      path: fixture("CUB_200_2011/images/001.Black_footed_Albatross/Black_footed_Albatross_0046_18.jpg"),
      label: 0,
      split: "train",
      box: { x: 0, y: 1, width: 10, height: 8.5 },
    });
    expect(new Set([...train.samples, ...test.samples].map(({ path }) => path)).size).to.equal(12);
    expect(test.samples.map(({ label }) => label)).to.deep.equal([0, 0, 1, 1, 2, 2]);
  });

  it("opens trainval, the whole of what is not test, by default, and takes the folder around it", async () => {
    const set = await cub200(fixture("."), PART);
    expect(set.samples.map(({ split }) => split)).to.deep.equal(Array(6).fill("train"));
  });
});

describe("stanfordCars", () => {
  it("reads the devkit's layout", async () => {
    const set = await stanfordCars(fixture("stanford_cars"), { ...PART, split: "test" });
    expect(set.classes[1]).to.equal("Ram C/V Cargo Van Minivan 2012");
    expect(set.length).to.equal(4);
    expect(set.sample(1)).to.deep.equal({
      path: fixture("stanford_cars/cars_test/00002.jpg"),
      label: 1,
      split: "test",
      // bbox_x1 2, y1 2, x2 13, y2 11, counted from 1 and both within the box
      box: { x: 1, y: 1, width: 12, height: 10 },
    });
    expect(await stanfordCars(fixture("stanford_cars"), { ...PART, split: "train" })).to.have.length(5);
  });

  it("reads the layout of cars_annos.mat", async () => {
    const set = await stanfordCars(fixture("stanford_cars_whole"), { ...PART, split: "test" });
    expect(set.length).to.equal(3);
    expect(set.sample(0)).to.deep.include({
      path: fixture("stanford_cars_whole/car_ims/000002.jpg"),
      label: 1,
      box: { x: 1, y: 1, width: 12, height: 10 },
    });
  });

  it("finds the test annotations in the devkit too", async () => {
    const folder = await makeFolder();
    try {
      const root = await copyFixture("stanford_cars", folder);
      const name = "cars_test_annos_withlabels.mat";
      await rename(join(root, name), join(root, "devkit", name));
      expect(await stanfordCars(root, { ...PART, split: "test" })).to.have.length(4);
    } finally {
      await removeFolder(folder);
    }
  });
});

describe("fgvcAircraft", () => {
  const root = fixture("fgvc-aircraft-2013b");

  it("reads the four splits and names with spaces and slashes", async () => {
    const lengths: Record<Split, number> = { train: 4, val: 4, trainval: 8, test: 4 };
    for (const [split, length] of Object.entries(lengths)) {
      expect(await fgvcAircraft(root, { ...PART, split: split as Split })).to.have.length(length);
    }
    const set = await fgvcAircraft(root, PART);
    expect(set.length).to.equal(8);
    expect(set.classes).to.deep.equal(["707-320", "737-200", "F/A-18", "Eurofighter Typhoon"]);
    expect(set.sample(3)).to.deep.equal({
      path: join(root, "data/images/0249412.jpg"),
      label: 3,
      split: "train",
      // xmin 3, ymin 2, xmax 20, ymax 14
      box: { x: 2, y: 1, width: 18, height: 13 },
    });
  });

  it("has three levels of classes", async () => {
    const counts: Record<AircraftLevel, number> = { variant: 4, family: 4, manufacturer: 3 };
    for (const [level, count] of Object.entries(counts)) {
      const set = await fgvcAircraft(root, { ...PART, level: level as AircraftLevel });
      expect(set.classes).to.have.length(count);
    }
    const byMaker = await fgvcAircraft(root, { ...PART, level: "manufacturer" });
    expect(byMaker.samples.slice(0, 4).map(({ label }) => label)).to.deep.equal([0, 0, 1, 2]);
    const wrong = await rejected(fgvcAircraft(root, { level: "model" as AircraftLevel }));
    expect(wrong).to.include({ code: "ERR_ARGUMENT", argument: "level" });
  });

  it("cuts the banner off when asked", async () => {
    expect((await fgvcAircraft(root, PART)).sample(0)).to.not.have.property("trim");
    const cut = await fgvcAircraft(root, { ...PART, removeBanner: true });
    expect(cut.sample(0).trim).to.deep.equal({ bottom: 20 });
  });
});

describe("flowers102", () => {
  it("reads labels and the three sets, and knows the classes' names", async () => {
    const set = await flowers102(fixture("flowers-102"), PART);
    expect(set.classes).to.have.length(102);
    expect([set.classes[0], set.classes[76], set.classes[101]]).to.deep.equal([
      "pink primrose",
      "passion flower",
      "blackberry lily",
    ]);
    expect(set.samples).to.deep.equal(
      [
        [3, 0, "train"],
        [8, 11, "train"],
        [1, 76, "val"],
        [4, 101, "val"],
      ].map(([id, label, split]) => ({
        path: fixture(`flowers-102/jpg/image_0000${id}.jpg`),
        label,
        split,
      })),
    );
    expect(await flowers102(fixture("."), { ...PART, split: "test" })).to.have.length(5);
  });
});

describe("the counts of a published set", () => {
  it("must be the published ones, unless a part is allowed", async () => {
    const error = await rejected(cub200(fixture("CUB_200_2011")));
    expect(error).to.include({ code: "ERR_DATASET", path: fixture("CUB_200_2011") });
    expect(error.message).to.match(
      /3 classes, published are 200; 6 images in train, published are 5994; 6 images in test, published are 5794/,
    );
    expect(error.message).to.contain("{ allowPartial: true }");
    const opened = [
      [() => stanfordCars(fixture("stanford_cars")), /3 classes, published are 196; 5 .* 8144; 4 .* 8041/],
      [
        () => fgvcAircraft(fixture("fgvc-aircraft-2013b")),
        /4 classes, published are 100; 4 .* 3334; 4 .* 3333; 4 .* 3333/,
      ],
      [
        () => flowers102(fixture("flowers-102")),
        /has 2 images in train, published are 1020; 2 .* 1020; 5 .* 6149/,
      ],
    ] as const;
    for (const [open, message] of opened) expect((await rejected(open())).message).to.match(message);
  });

  it("are accepted when they are as published", async () => {
    const folder = await makeFolder();
    try {
      const lines = (row: (id: number) => string, count = 11_788) =>
        Array.from({ length: count }, (_, i) => row(i + 1)).join("\n");
      const files = {
        "classes.txt": lines((id) => `${id} ${id}.bird`, 200),
        "images.txt": lines((id) => `${id} ${(id % 200) + 1}.bird/${id}.jpg`),
        "image_class_labels.txt": lines((id) => `${id} ${(id % 200) + 1}`),
        "train_test_split.txt": lines((id) => `${id} ${id <= 5994 ? 1 : 0}`),
      };
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      expect(await cub200(folder, { split: "test" })).to.have.length(5794);
    } finally {
      await removeFolder(folder);
    }
  });
});

describe("openDataset", () => {
  it("tells what a folder holds", async () => {
    const opened = {
      CUB_200_2011: 6,
      stanford_cars: 5,
      stanford_cars_whole: 3,
      "fgvc-aircraft-2013b": 8,
      "flowers-102": 4,
      "manifest/birds.csv": 2,
      "CUB_200_2011/images": 12,
    };
    for (const [path, length] of Object.entries(opened)) {
      expect(await openDataset(fixture(path), PART), path).to.have.length(length);
    }
  });

  it("takes a folder's train, val and test as its splits", async () => {
    const folder = await makeFolder();
    try {
      for (const part of ["train", "validation", "test"]) {
        for (const name of ["jay", "wren"]) {
          await mkdir(join(folder, part, name), { recursive: true });
          await writeFile(join(folder, part, name, "1.png"), "");
        }
      }
      const lengths: Record<Split, number> = { train: 2, val: 2, trainval: 4, test: 2 };
      for (const [split, length] of Object.entries(lengths)) {
        expect(await openDataset(folder, { split: split as Split })).to.have.length(length);
      }
    } finally {
      await removeFolder(folder);
    }
  });

  it("numbers labels by the given classes, and refuses a class that is not among them", async () => {
    const classes = ["other", "003.Chuck_wills_Widow", "002.Laysan_Albatross", "001.Black_footed_Albatross"];
    const set = await openDataset(fixture("CUB_200_2011"), { ...PART, classes });
    expect(set.classes).to.deep.equal(classes);
    expect(set.samples.map(({ label }) => label)).to.deep.equal([3, 3, 2, 2, 1, 1]);
    const error = await rejected(
      openDataset(fixture("CUB_200_2011"), { ...PART, classes: classes.slice(0, 3) }),
    );
    expect(error.message).to.contain('the class "001.Black_footed_Albatross", which the model does not know');
  });

  it("says what is missing when the kind is not there, and which splits are", async () => {
    const absent = await rejected(openDataset(fixture("flowers-102"), { kind: "cub200" }));
    expect(absent.message).to.match(/does not hold CUB-200-2011: give the folder that has images.txt and/);
    const undivided = await rejected(openDataset(fixture("CUB_200_2011/images"), { split: "test" }));
    expect(undivided.message).to.match(/no images in test: it is not divided/);
    const noVal = await rejected(openDataset(fixture("CUB_200_2011"), { ...PART, split: "val" }));
    expect(noVal.message).to.match(/no images in val: it has train and test/);
    const kind = await rejected(openDataset(fixture("."), { kind: "birds" as "folder" }));
    expect(kind).to.include({ code: "ERR_ARGUMENT", argument: "kind" });
    const split = await rejected(openDataset(fixture("."), { ...PART, split: "dev" as Split }));
    expect(split).to.include({ code: "ERR_ARGUMENT", argument: "split" });
  });
});

describe("bad annotation files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await makeFolder();
  });
  afterEach(() => removeFolder(folder));

  /** What opening a copy of `set` says after `file` was changed; it must name the file. */
  async function openDamaged(
    set: string,
    file: string,
    change: (text: string) => string | Buffer,
    options: { allowPartial?: boolean } = PART,
  ): Promise<string> {
    const root = await copyFixture(set, folder);
    const path = join(root, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, change(await readFile(path, "latin1")), "latin1");
    const error = await rejected(openDataset(root, options));
    expect(error.code, error.message).to.equal("ERR_DATASET");
    expect(error.path).to.equal(path);
    expect(error.message).to.contain(path);
    return error.message.replace(`${path}:`, "");
  }

  const cases: [string, string, (text: string) => string | Buffer, RegExp][] = [
    [
      "a missing column",
      "image_class_labels.txt",
      (text) => text.replace("3 1\n", "3\n"),
      /^3: has no "image-id class-id", got "3"/,
    ],
    [
      "a label out of range",
      "image_class_labels.txt",
      (text) => text.replace("3 1\n", "3 4\n"),
      /^3: the class must be from 1 to 3, got "4"/,
    ],
    [
      "a label that is no number",
      "image_class_labels.txt",
      (text) => text.replace("3 1\n", "3 1e0\n"),
      /^3: the class must be/,
    ],
    [
      "an id that comes twice",
      "images.txt",
      (text) => text.replace("\n2 ", "\n1 "),
      /^2: has 1 again, which line 1 has: remove one/,
    ],
    [
      "a split that is neither 0 nor 1",
      "train_test_split.txt",
      (text) => text.replace("7 0", "7 2"),
      /^7: must be 1 \(train\) or 0/,
    ],
    [
      "a path that leads out",
      "images.txt",
      (text) => text.replace(/1 001\S*/, "1 ../../etc/passwd"),
      /^1: "..\/..\/etc\/passwd" leads out of the images folder/,
    ],
    [
      "a box that is none",
      "bounding_boxes.txt",
      (text) => text.replace("2 1.0 1.0 9.0", "2 1.0 1.0 -9.0"),
      /^2: must be x y width height in pixels/,
    ],
    [
      "a class number that is too high",
      "classes.txt",
      (text) => text.replace("3 003", "7 003"),
      /^3: the class must be from 1 to 3/,
    ],
    [
      "bytes that are not UTF-8",
      "classes.txt",
      (text) => text.replace("Widow", "Wid\xf6w"),
      /^3: is not UTF-8: save/,
    ],
  ];
  for (const [what, file, change, message] of cases) {
    it(`name the file and line of ${what}`, async () => {
      expect(await openDamaged("CUB_200_2011", file, change)).to.match(message);
    });
  }

  it("name the file and line of an id without an image, unless a part of the set is allowed", async () => {
    const change = (text: string) => `${text}99 1\n`;
    const message = await openDamaged("CUB_200_2011", "image_class_labels.txt", change, {});
    expect(message).to.match(/^13: is about image "99", which images.txt does not have/);
    const set = await openDataset(join(folder, "CUB_200_2011"), PART);
    expect(set.length).to.equal(6);
    expect(set.notes).to.deep.equal([
      "image_class_labels.txt has 1 images that images.txt does not have: they are passed over",
    ]);
  });

  it("name the image that a file says nothing about", async () => {
    const root = await copyFixture("CUB_200_2011", folder);
    const path = join(root, "train_test_split.txt");
    const lines = (await readFile(path, "utf8")).split("\r\n").filter((line) => !line.startsWith("7 "));
    await writeFile(path, lines.join("\n"));
    const error = await rejected(cub200(root, PART));
    expect(error.message).to.match(/images\.txt:7: image 7 is not in train_test_split\.txt/);
  });

  it("name the line of an unknown variant and of an image in two splits", async () => {
    const variant = "data/images_variant_val.txt";
    const unknown = (text: string) => text.replace("F/A-18", "F-18");
    expect(await openDamaged("fgvc-aircraft-2013b", variant, unknown)).to.match(
      /^3: "F-18" is no variant of variants.txt/,
    );
    const [first = ""] = (
      await readFile(fixture("fgvc-aircraft-2013b/data/images_variant_train.txt"), "utf8")
    ).split("\n");
    const twice = (text: string) => text + first;
    expect(await openDamaged("fgvc-aircraft-2013b", variant, twice)).to.match(/^\d: /);
  });

  it("that are MATLAB files: say that they are cut short, or of a version that is not read", async () => {
    const cut = (text: string) => text.slice(0, -20);
    for (const [set, file] of [
      ["flowers-102", "setid.mat"],
      ["flowers-102", "imagelabels.mat"],
      ["stanford_cars", "devkit/cars_train_annos.mat"],
      ["stanford_cars_whole", "cars_annos.mat"],
    ] as const) {
      expect(await openDamaged(set, file, cut)).to.match(/cut short|damaged/);
    }
    const modern = await readFile(fixture("mat/version73.mat"));
    expect(await openDamaged("flowers-102", "setid.mat", () => modern)).to.match(
      /version 7\.3 \(HDF5\): save it in MATLAB/,
    );
    const other = await readFile(fixture("mat/plain.mat"));
    expect(await openDamaged("flowers-102", "setid.mat", () => other)).to.match(
      /its variable trnid must hold numbers, but it is missing/,
    );
  });

  it("that are missing: say so", async () => {
    const root = await copyFixture("fgvc-aircraft-2013b", folder);
    await rename(join(root, "data/families.txt"), join(root, "data/other.txt"));
    const error = await rejected(fgvcAircraft(root, { level: "family" }));
    expect(error.message).to.match(
      /cannot read the annotation file .*families\.txt \(no such file or directory\): .*unpack the data set again/,
    );
  });
});
