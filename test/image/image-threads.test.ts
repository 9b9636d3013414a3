import { expect } from "chai";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { coreShare } from "#lib/cores.js";
import { native } from "#lib/native/binding.js";
import sharp from "sharp";
import { runModule, startWorker } from "../support/child.js";
import { makeFolder, removeFolder } from "../support/image-files.js";

describe("the threads for images", () => {
  let dir: string;
  before(async () => {
    dir = await makeFolder();
  });
  after(() => removeFolder(dir));

  it("are as many as there are cores, shared among processes that were started together", () => {
    const cores = availableParallelism();
    expect(coreShare({})).to.equal(cores);
    expect(coreShare({ LOCAL_WORLD_SIZE: "2" })).to.equal(Math.max(1, Math.floor(cores / 2)));
    expect(coreShare({ LOCAL_WORLD_SIZE: "1000" })).to.equal(1);
    expect(coreShare({ LOCAL_WORLD_SIZE: "none" })).to.equal(cores);
  });

  it("grow to what is asked for, and do not shrink", () => {
    const before = native().imageThreads();
    expect(before).to.be.at.least(coreShare());
    expect(native().imageThreads(before + 1)).to.equal(before + 1);
    expect(native().imageThreads(1)).to.equal(before + 1);
  });

  it("read whole regular files, and nothing else", async () => {
    const path = join(dir, "file");
    await writeFile(path, "content");
    await writeFile(join(dir, "empty"), "");
    await mkdir(join(dir, "folder"));
    expect(Buffer.from((await native().readFile(path, 7))!).toString()).to.equal("content");
    expect(Buffer.from((await native().readFile(Buffer.from(path), 100))!).toString()).to.equal("content");
    expect(await native().readFile(path, 6), "larger than allowed").to.equal(null);
    for (const other of ["empty", "folder", "missing", "a\0b"]) {
      expect(await native().readFile(join(dir, other), 100), other).to.equal(null);
    }
    expect(await native().readFile("/dev/zero", 100), "a device").to.equal(null);
  });

  it("are left at work by a process or a worker that ends", async () => {
    const size = { width: 1500, height: 1500 };
    const noise = { type: "gaussian", mean: 128, sigma: 50 } as const;
    const path = join(dir, "large.jpg");
    await sharp({ create: { ...size, channels: 3, background: "#888", noise } }).toFile(path);
    const source = `
      import { DataLoader } from "mutual-channel-loss";
      import { datasetFrom, normalize, resize } from "mutual-channel-loss/data";
      const sample = { path: ${JSON.stringify(path)}, label: 0 };
      const images = await datasetFrom(Array(64).fill(sample), { classes: ["any"] });
      const transforms = [resize(${JSON.stringify(size)}), normalize()];
      for await (const batch of new DataLoader(images, { batchSize: 4, transforms, cacheBytes: 0 })) {
        process.exit(batch.size);
      }`;
    expect(await runModule(source)).to.include({ code: 4, signal: null });
    const [code] = (await once(startWorker(source), "exit")) as [number];
    expect(code).to.equal(4);
  });
});
