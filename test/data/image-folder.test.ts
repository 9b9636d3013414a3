import { expect } from "chai";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { ImageFolder } from "mutual-channel-loss";
import { rejected } from "../support/errors.js";
import { makeFolder, removeFolder, write } from "../support/image-files.js";

describe("ImageFolder", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeFolder();
  });
  afterEach(() => removeFolder(dir));

  it("takes classes from the sub-folders and sorts classes and files", async () => {
    for (const name of ["wren/2.png", "wren/10.JPG", "jay/x.webp", "jay/notes.txt"])
      await write(join(dir, name), "");
    const folder = await ImageFolder.open(dir);
    expect(folder.classes).to.deep.equal(["jay", "wren"]);
    expect(folder.length).to.equal(3);
    expect(folder.samples).to.deep.equal([
      { path: join(dir, "jay/x.webp"), label: 0 },
      { path: join(dir, "wren/10.JPG"), label: 1 },
      { path: join(dir, "wren/2.png"), label: 1 },
    ]);
    expect(folder.sample(2)).to.equal(folder.samples[2]);
  });

  it("sorts by code point, as Python does", async () => {
    const names = ["\u{1F426}", "\uFF21", "a"];
    for (const name of names) await write(join(dir, name, "1.png"), "");
    expect((await ImageFolder.open(dir)).classes).to.deep.equal(["a", "\uFF21", "\u{1F426}"]);
  });

  it("finds images in folders within a class", async () => {
    await write(join(dir, "jay/2019/1.png"), "");
    await write(join(dir, "jay/2.png"), "");
    expect((await ImageFolder.open(dir)).length).to.equal(2);
  });

  it("follows symbolic links and passes over hidden names", async () => {
    await write(join(dir, "jay/1.png"), "");
    await write(join(dir, "jay/._1.png"), "");
    await write(join(dir, ".cache/1.png"), "");
    await symlink(join(dir, "jay/1.png"), join(dir, "jay/2.png"));
    expect(await ImageFolder.open(dir)).to.deep.include({ classes: ["jay"], length: 2 });
  });

  it("numbers labels by the given classes, some of which may be absent", async () => {
    await write(join(dir, "wren/1.png"), "");
    const folder = await ImageFolder.open(dir, { classes: ["wren", "jay"] });
    expect(folder.classes).to.deep.equal(["wren", "jay"]);
    expect(folder.sample(0).label).to.equal(0);
  });

  it("says which folder is wrong and what to do", async () => {
    await write(join(dir, "file"), "");
    await write(join(dir, "no-classes/readme.txt"), "");
    await write(join(dir, "set/jay/1.png"), "");
    await write(join(dir, "set/wren/notes.txt"), "");
    const cases: [string, string, RegExp, string[]?][] = [
      ["missing", "missing", /check the path/],
      ["file", "file", /folder/],
      ["no-classes", "no-classes", /sub-folders: put/],
      ["set", "set/wren", /no image .*remove/],
      ["set", "set/wren", /remove/, ["jay"]],
    ];
    for (const [opened, atFault, message, classes] of cases) {
      const path = join(dir, atFault);
      const error = await rejected(ImageFolder.open(join(dir, opened), classes ? { classes } : {}));
      expect(error).to.include({ code: "ERR_DATASET", path });
      expect(error.message).to.match(message).and.include(path);
    }
  });
});
