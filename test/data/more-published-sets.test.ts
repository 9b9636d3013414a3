import { expect } from "chai";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { openDataset } from "mutual-channel-loss";
import { food101, inaturalist, oxfordPet, stanfordDogs } from "mutual-channel-loss/data";
import { readJsonLists } from "#lib/data/sets/json-lists.js";
import { openTrainingSets } from "#lib/data/training-sets.js";
import { fixture } from "../support/datasets.js";
import { rejected } from "../support/errors.js";
import { write } from "../support/image-files.js";
import { temporaryFolder } from "../support/images.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);
const PART = { allowPartial: true, split: "trainval" } as const;
const TEST = { allowPartial: true, split: "test" } as const;

/** Files that are empty, and lists. */
async function writeSet(root: string, images: readonly string[], lists: Readonly<Record<string, string>>) {
  for (const image of images) await write(join(root, image), "");
  for (const [name, text] of Object.entries(lists)) await write(join(root, name), text);
  return root;
}

describe("oxfordPet", () => {
  const IMAGES = ["Abyssinian_1", "Abyssinian_2", "american_bulldog_10", "american_bulldog_11"];
  const LISTS = {
    "annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\nAbyssinian_1 1 1 1\n",
    "annotations/trainval.txt": "Abyssinian_1 1 1 1\r\namerican_bulldog_10 2 2 1\r\n",
    "annotations/test.txt":
      "#Image CLASS-ID SPECIES BREED ID\nAbyssinian_2 1 1 1\namerican_bulldog_11 2 2 1\n",
  };
  const prepare = (name: string, lists: Readonly<Record<string, string>> = LISTS) =>
    writeSet(
      path(name),
      IMAGES.map((image) => `images/${image}.jpg`),
      lists,
    );

  it("reads its lists, whose parts and classes are the published ones", async () => {
    const root = await prepare("oxford-iiit-pet");
    const train = await oxfordPet(root, PART);
    expect(train.classes).to.deep.equal(["Abyssinian", "American Bulldog"]);
    expect(train.sample(1)).to.deep.equal({
      ...{ path: join(root, "images", "american_bulldog_10.jpg"), split: "train", label: 1 },
    });
    expect((await oxfordPet(folder(), TEST)).samples.map(({ label }) => label)).to.deep.equal([0, 1]);
    const { message } = await rejected(oxfordPet(root));
    expect(message).to.contain("2 classes, published are 37").and.to.contain("published are 3680");
  });

  it("names the line that does not fit", async () => {
    for (const [list, problem] of [
      ["Abyssinian_1 0 1 1\n", 'trainval.txt:1: must be "image class-id species breed-id"'],
      ["Abyssinian 1 1 1\n", "trainval.txt:1: must be"],
      ["../Abyssinian_1 1 1 1\n", "leads out of the images folder"],
      ["Abyssinian_1 1 1 1\nBengal_1 1 1 1\n", 'trainval.txt:2: class 1 is "Abyssinian"'],
      ["Abyssinian_2 1 1 1\n", "test.txt:2: image Abyssinian_2 is in trainval.txt too"],
    ] as const) {
      const root = await prepare("bad-pets", { ...LISTS, "annotations/trainval.txt": list });
      expect((await rejected(oxfordPet(root, PART))).message).to.contain(problem);
    }
  });
});

describe("stanfordDogs", () => {
  const root = fixture("stanford_dogs");

  it("reads its lists", async () => {
    const train = await stanfordDogs(root, PART);
    expect(train.classes).to.deep.equal(["Chihuahua", "wire-haired_fox_terrier"]);
    expect(train.samples.map(({ label }) => label)).to.deep.equal([0, 0, 1]);
    expect(train.sample(2).path).to.equal(
      join(root, "Images", "n02095314-wire-haired_fox_terrier", "n02095314_1.jpg"),
    );
    expect((await stanfordDogs(root, TEST)).samples.map(({ label }) => label)).to.deep.equal([0, 1]);
    expect((await rejected(stanfordDogs(root))).message).to.contain("published are 12000");
  });

  it("that lacks a list says so", async () => {
    await cp(root, path("dogs"), { recursive: true });
    await rm(path("dogs", "test_list.mat"));
    expect((await rejected(openDataset(path("dogs")))).message).to.contain(
      "looks like Stanford Dogs but lacks test_list.mat",
    );
  });
});

describe("food101", () => {
  const IMAGES = ["apple_pie/1", "apple_pie/2", "baklava/1", "baklava/2"].map((name) => `images/${name}.jpg`);
  const LISTS = {
    "meta/classes.txt": "apple_pie\nbaklava\n",
    "meta/labels.txt": "Apple pie\nBaklava\n",
    "meta/train.txt": "apple_pie/1\nbaklava/1\n",
    "meta/test.txt": "apple_pie/2\nbaklava/2\n",
  };

  it("reads its lists, also with a head and Windows' line ends", async () => {
    const root = await writeSet(path("food-101"), IMAGES, LISTS);
    const train = await food101(root, PART);
    expect(train.classes).to.deep.equal(["Apple pie", "Baklava"]);
    expect(train.sample(1)).to.deep.equal({
      ...{ path: join(root, "images", "baklava", "1.jpg"), label: 1, split: "train" },
    });
    const headed = { ...LISTS, "meta/train.txt": "path\r\napple_pie/1\r\nbaklava/1\r\n" };
    const copy = await writeSet(path("headed"), IMAGES, headed);
    expect((await food101(copy, PART)).samples.map(({ label }) => label)).to.deep.equal([0, 1]);
    expect((await food101(folder(), TEST)).length).to.equal(2);
    await rm(join(root, "meta", "labels.txt"));
    expect((await food101(root, PART)).classes).to.deep.equal(["apple_pie", "baklava"]);
  });

  it("names the line that does not fit", async () => {
    for (const [list, problem] of [
      ["apple_pie/1\npizza/1\n", 'train.txt:2: "pizza/1" is of no class of classes.txt'],
      ["apple_pie/1\napple_pie/1\n", 'train.txt:2: has "apple_pie/1" again, which train.txt:1 has'],
      ["../../1\n", 'train.txt:1: "../../1" leads out of the images folder'],
    ] as const) {
      const root = await writeSet(path("bad-food"), IMAGES, { ...LISTS, "meta/train.txt": list });
      expect((await rejected(food101(root, PART))).message).to.contain(problem);
    }
  });
});

describe("inaturalist", () => {
  const IMAGES = [
    "train_val2019/Birds/1/a.jpg",
    "train_val2019/Birds/7/b.jpg",
    "train_val2019/Birds/7/c.jpg",
  ];
  const CATEGORIES = [
    { id: 7, name: "Corvus corax", supercategory: "Birds" },
    { id: 1, name: "Pica pica", supercategory: "Birds" },
  ];
  const list = (
    images: readonly (readonly [id: number, file: string, category: number])[],
    categories: unknown = CATEGORIES,
  ) =>
    JSON.stringify({
      info: { year: 2019 },
      categories,
      images: images.map(([id, file]) => ({ id, file_name: file, width: 8, height: 8 })),
      annotations: images.map(([id, , category]) => ({ id: 100 + id, image_id: id, category_id: category })),
    });
  const [a, b, c] = IMAGES as [string, string, string];
  const LISTS = {
    "train2019.json": list([
      [1, a, 1],
      [2, b, 7],
    ]),
    "val2019.json": list([[3, c, 7]]),
  };

  it("reads its JSON files, trains on the one and holds out the other", async () => {
    const root = await writeSet(path("inat"), IMAGES, LISTS);
    const train = await inaturalist(root, { allowPartial: true, split: "train" });
    // In the order of their ids.
    expect(train.classes).to.deep.equal(["Pica pica", "Corvus corax"]);
    expect(train.samples).to.deep.equal([
      { path: join(root, a), label: 0, split: "train" },
      { path: join(root, b), label: 1, split: "train" },
    ]);
    const sets = await openTrainingSets({ dir: root, allowPartial: true });
    expect([sets.images.length, sets.heldOut?.length, sets.chooses]).to.deep.equal([2, 1, true]);
    const { message } = await rejected(openDataset(root));
    expect(message)
      .to.contain("2 classes, published are 1010")
      .and.to.contain("1 images in val, published are 3030");
    const none = await rejected(inaturalist(root, { allowPartial: true, split: "test" }));
    expect(none.message).to.contain("the labels of the test images are not published");
  });

  it("is read piece by piece, wherever the pieces end, as a file may be larger than a text can be", async () => {
    const path = await write(join(folder(), "pieces.json"), `\ufeff${list([[1, "Čáp/ä.jpg", 1]])}\n`);
    for (const bytes of [1, 7, 1000]) {
      const read: Record<string, unknown[]> = { images: [], categories: [] };
      const take = (name: string) => (entry: unknown) => void read[name]!.push(entry);
      await readJsonLists(path, { images: take("images"), categories: take("categories") }, bytes);
      expect(read["categories"]).to.deep.equal(CATEGORIES);
      expect(read["images"]).to.deep.equal([{ id: 1, file_name: "Čáp/ä.jpg", width: 8, height: 8 }]);
    }
    await write(path, Buffer.concat([Buffer.from('{"images": ["'), Buffer.from([0xe4, 0x22, 0x5d, 0x7d])]));
    expect((await rejected(readJsonLists(path, { images: () => undefined }))).message).to.contain(
      "is not UTF-8",
    );
  });

  it("says where it has its lists without the images", async () => {
    const root = await writeSet(path("lists-alone"), [], LISTS);
    const { message } = await rejected(inaturalist(root, { allowPartial: true, split: "train" }));
    expect(message).to.match(/has no images in train: 3 of 3 listed images are not there and are left out$/);
  });

  it("tells classes of one name apart", async () => {
    const categories = CATEGORIES.map((category) => ({ ...category, name: "0" }));
    const lists = {
      ...LISTS,
      "train2019.json": list(
        [
          [1, a, 1],
          [2, b, 7],
        ],
        categories,
      ),
    };
    const root = await writeSet(path("names"), IMAGES, lists);
    expect((await inaturalist(root, PART)).classes).to.deep.equal(["0 (1)", "0 (7)"]);
  });

  it("names the file and entry that does not fit", async () => {
    for (const [text, problem] of [
      [
        "{",
        "train2019.json is not a file with the lists images, annotations, categories (it ends too early)",
      ],
      ['{"images": [], "annotations": [], "categories": []}', "(images: there are none)"],
      ['{"images": [1]}', "images.0."],
      ['{"images": [{}]}', "images.0.id"],
      [list([[1, "../../a.jpg", 1]]), 'image 1 ("../../a.jpg") leads out of the folder'],
      [list([[1, a, 5]]), "image 1 is of the category 5, which is not in the training list"],
      [
        list([
          [1, a, 1],
          [2, a, 1],
        ]),
        `image 2 is "${a}", which is in`,
      ],
    ] as const) {
      const root = await writeSet(path("bad-inat"), IMAGES, { ...LISTS, "train2019.json": text });
      const error = await rejected(inaturalist(root, PART));
      expect(error.code).to.equal("ERR_DATASET");
      expect(error.message).to.contain(problem);
    }
  });
});
