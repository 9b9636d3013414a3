import { expect } from "chai";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ImageFolder, smallResNet, Trainer } from "mutual-channel-loss";
import { withLock } from "#lib/io/process-lock.js";
import { makeFolder, makeFolderSync } from "#lib/make-folder.js";
import { silentReporter } from "#lib/reporter.js";
import { rejected } from "../support/errors.js";
import { temporaryFolder, writeColorFolder } from "../support/images.js";
import { loaderOf } from "../support/run.js";

const folder = temporaryFolder();
const message = (path: string) =>
  makeFolder(path).then(
    () => "",
    (error: unknown) => (error as Error).message,
  );

describe("makeFolder()", () => {
  it("makes all that is missing, by several at once too", async () => {
    const path = join(folder(), "a", "b", "c");
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(path, "d"))]);
    expect(existsSync(join(path, "d"))).to.equal(true);
    await makeFolder(path);
  });

  it("names the folder that takes no new ones, or the file that is in the way", async function () {
    await writeFile(join(folder(), "file"), "");
    const file = join(folder(), "file");
    expect(await message(file)).to.equal(`${file} is a file`);
    expect(await message(join(file, "x", "y"))).to.equal(`${file} takes no new folders: not a directory`);
    if (process.platform !== "linux") this.skip();
    expect(await message("/proc/none/run")).to.match(/^\/proc takes no new folders: /);
  });

  it("does the same at once, for those who wait", () => {
    const path = join(folder(), "at", "once");
    makeFolderSync(path);
    makeFolderSync(path);
    expect(existsSync(path)).to.equal(true);
    const file = join(folder(), "file");
    expect(() => {
      makeFolderSync(join(file, "x"));
    }).to.throw(`${file} takes no new folders: not a directory`);
  });

  it("is why a cache that cannot be made says so, and does not wait", async function () {
    if (process.platform !== "linux") this.skip();
    const lock = { work: "setup", reporter: silentReporter };
    const error = await rejected(withLock("/proc/none/lock", lock, () => Promise.resolve()));
    expect(error).to.include({ code: "ERR_IO", path: "/proc/none" });
    expect(error.message).to.match(/^\/proc\/none cannot be written: \/proc takes no new folders: /);
  });

  it("is why a run that cannot be written says so, and does not wait", async function () {
    if (process.platform !== "linux") this.skip();
    const images = await ImageFolder.open(await writeColorFolder(join(folder(), "colors"), 2));
    using model = smallResNet({ classes: 3, channelsPerClass: 2, inputSize: 32, width: 8 });
    using trainer = new Trainer(model, { epochs: 1, output: "/proc/none/run" });
    const error = await rejected(Promise.resolve(trainer.fit(loaderOf(images))));
    expect(error).to.include({ code: "ERR_IO", argument: "output", path: "/proc/none/run" });
    expect(error.message).to.match(
      /^cannot write to the output folder \/proc\/none\/run \(\/proc takes no new folders: .*\): choose another/,
    );
  });
});
