import { expect } from "chai";
import { link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { DataLoader, ImageFolder } from "mutual-channel-loss";
import { listImages, normalize, resize, verifyDataset } from "mutual-channel-loss/data";
import { systemPath } from "#lib/io/file-name.js";
import { byCodePoint } from "#lib/data/code-points.js";
import { rejected } from "../support/errors.js";
import { makeFolder, plain, removeFolder, write } from "../support/image-files.js";

const TRANSFORMS = [resize(16), normalize()];

describe("listImages", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  const found = async (folder = dir) => (await listImages(folder)).map((path) => relative(dir, path));

  it("follows links to folders and files, and takes each folder once, so that loops end", async () => {
    await write(join(dir, "all/jay/1.png"), "");
    await write(join(dir, "all/jay/old/2.png"), "");
    await write(join(dir, "elsewhere/3.png"), "");
    await symlink(join(dir, "elsewhere"), join(dir, "all/jay/a-link"));
    await symlink("..", join(dir, "all/jay/old/loop"));
    await symlink(join(dir, "all/jay/old"), join(dir, "all/jay/again"));
    await symlink(join(dir, "elsewhere/3.png"), join(dir, "all/jay/3-link.png"));
    await symlink("nowhere", join(dir, "all/jay/broken"));
    expect(await found(join(dir, "all/jay"))).to.deep.equal([
      "all/jay/1.png",
      "all/jay/3-link.png",
      "all/jay/a-link/3.png",
      "all/jay/old/2.png",
    ]);
  });

  it("takes what is an image by its content where the name does not tell", async () => {
    const png = await plain([1, 2, 3]).png().toBuffer();
    for (const name of ["no-extension", "photo.jpg_large", "x.JFIF", "x.jpe"])
      await write(join(dir, name), png);
    await write(join(dir, "Thumbs.db"), png);
    await write(join(dir, "BMW"), "BMW and P5 are no images");
    expect(await found()).to.deep.equal(["no-extension", "photo.jpg_large", "x.JFIF", "x.jpe"]);
  });

  it("passes over what systems keep beside images", async () => {
    for (const name of ["1.png", "__MACOSX/2.png", "@eaDir/1.png/thumb.jpg", ".cache/3.png", "._1.png"])
      await write(join(dir, name), "");
    expect(await found()).to.deep.equal(["1.png"]);
  });

  it("names a folder that cannot be read", async () => {
    const error = await rejected(listImages(join(dir, "none")));
    expect(error).to.include({ code: "ERR_DATASET", path: join(dir, "none") });
  });
});

describe("names of files", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  it("that are not UTF-8 are opened by their bytes, of images and of classes", async () => {
    const png = await plain([9, 9, 9]).png().toBuffer();
    const odd = (...parts: (string | number)[]) =>
      Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part))));
    await write(join(dir, "jay/1.png"), png);
    await writeFile(odd(join(dir, "jay/caf"), 0xe9, "é€.png"), png);
    await mkdir(odd(dir, "/", 0xe8));
    await writeFile(odd(dir, "/", 0xe8, "/1.png"), png);
    const set = await ImageFolder.open(dir);
    expect(set.classes).to.deep.equal(["jay", "\udce8"]);
    expect(set.samples[1]?.path).to.equal(join(dir, "jay/caf\udce9é€.png"));
    expect(systemPath(join(dir, "jay/caf\udce9é€.png"))).to.deep.equal(
      odd(join(dir, "jay/caf"), 0xe9, "é€.png"),
    );
    expect(systemPath("é\u{1F426}")).to.equal("é\u{1F426}");
    let images = 0;
    for await (const batch of new DataLoader(set, { batchSize: 2, transforms: TRANSFORMS })) {
      images += batch.size;
      batch.dispose();
    }
    expect(images).to.equal(3);
    expect(await verifyDataset(dir, { full: true })).to.deep.include({ missing: [], corrupt: [] });
  });

  it("that differ in Unicode's form alone are one class, and it is told", async () => {
    const [composed, decomposed] = ["caf\u00e9", "cafe\u0301"];
    await write(join(dir, composed, "1.png"), "");
    await write(join(dir, decomposed, "2.png"), "");
    await write(join(dir, "jay/3.png"), "");
    const set = await ImageFolder.open(dir);
    expect(set.classes).to.deep.equal([composed, "jay"]);
    expect(set.samples.map(({ label }) => label).sort()).to.deep.equal([0, 0, 1]);
    expect(set.notes.join()).to.contain(join(dir, decomposed)).and.contain("Unicode");
    const asTrained = await ImageFolder.open(dir, { classes: ["jay", decomposed] });
    expect(asTrained.classes).to.deep.equal(["jay", decomposed]);
    expect(asTrained.samples.map(({ label }) => label).sort()).to.deep.equal([0, 1, 1]);
  });

  it("are sorted by code point, also where Unicode's surrogates come in", () => {
    const names = ["\udce9", "\u{1F426}", "\uFF21", "b", "a", "ab", ""];
    expect(names.sort(byCodePoint)).to.deep.equal(["", "a", "ab", "b", "\uFF21", "\u{1F426}", "\udce9"]);
  });
});

describe("what is passed over", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  it("is counted by extension and named", async () => {
    const png = await plain([1, 2, 3]).png().toBuffer();
    await write(join(dir, "jay/1.png"), png);
    await write(join(dir, "wren/1.png"), await plain([3, 2, 1]).png().toBuffer());
    for (const name of ["2.heic", "3.HEIC", "4.svg", "notes.txt", "README"])
      await write(join(dir, "jay", name), "x");
    const notes = [
      "3 files are passed over (2 .heic, 1 .svg): images in formats that are not read: convert them to JPEG or PNG",
      "2 files are passed over (1 without extension, 1 .txt): no images",
    ];
    expect((await ImageFolder.open(dir)).notes).to.deep.equal(notes);
    const report = await verifyDataset(dir);
    expect(report.notes).to.deep.equal(notes);
    expect(report.passedOver).to.deep.equal({ ".heic": 2, "": 1, ".svg": 1, ".txt": 1 });
    expect(report.ok).to.equal(true);
  });

  it("may be a whole class, on request", async () => {
    await write(join(dir, "jay/1.png"), "");
    await write(join(dir, "jay/2.png"), "");
    await mkdir(join(dir, "wren"));
    await link(join(dir, "jay/1.png"), join(dir, "jay/3.png"));
    const error = await rejected(ImageFolder.open(dir));
    expect(error).to.include({ code: "ERR_DATASET", path: join(dir, "wren") });
    expect(error.message).to.contain("--allow-empty");
    const set = await ImageFolder.open(dir, { allowEmpty: true });
    expect([set.classes, set.length]).to.deep.equal([["jay", "wren"], 3]);
  });
});
