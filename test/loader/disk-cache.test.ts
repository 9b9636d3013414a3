import { expect } from "chai";
import { DiskCache } from "#lib/loader/disk-cache.js";
import { mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DataLoader, ImageFolder } from "mutual-channel-loss";
import { normalize, resize, type DataLoaderOptions } from "mutual-channel-loss/data";
import { rejected } from "../support/errors.js";
import { makeFolder, plain, removeFolder, write, writeGreys } from "../support/image-files.js";

const PIXELS = 8 * 8 * 3;
const ENTRY = PIXELS + 4;

describe("DiskCache", () => {
  let dir: string;
  let cacheDir: string;
  beforeEach(async () => {
    dir = await makeFolder();
    cacheDir = join(dir, "..", `${dir}-cache`);
    await writeGreys(dir, 4);
  });
  afterEach(() => Promise.all([removeFolder(dir), removeFolder(cacheDir)]));

  const levels = async (options: Partial<DataLoaderOptions> = {}, bytes?: number) => {
    const loader = new DataLoader(await ImageFolder.open(dir), {
      batchSize: 4,
      transforms: [resize(8), normalize({ mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] })],
      cacheBytes: 0,
      diskCache: { dir: cacheDir, ...(bytes === undefined ? {} : { bytes }) },
      ...options,
    });
    const seen: number[] = [];
    for await (const batch of loader) {
      const values = await batch.images.data();
      for (let i = 0; i < values.length; i += PIXELS) seen.push(Math.round(Number(values[i])));
      batch.dispose();
    }
    return seen;
  };
  const entries = async () => (await readdir(cacheDir)).filter((name) => name.endsWith(".pixels")).sort();
  const LEVELS = [0, 20, 10, 30];

  it("gives a later process the same pixels", async () => {
    expect(await levels()).to.deep.equal(LEVELS);
    const names = await entries();
    expect(names).to.have.length(4);
    const path = join(cacheDir, names[0]!);
    const { mtimeMs } = await stat(path);
    expect(await levels()).to.deep.equal(LEVELS);
    expect((await stat(path)).mtimeMs, "not written again").to.equal(mtimeMs);
    expect(await readdir(cacheDir)).to.deep.equal(names);
  });

  it("does not take a changed file, or another pipeline, for the same", async () => {
    await levels();
    const path = join(dir, "a", "00.png");
    await write(path, await plain([200, 200, 200]).png().toBuffer());
    await utimes(path, new Date(), new Date(Date.now() + 5000));
    expect(await levels()).to.deep.equal([200, 20, 10, 30]);
    const smaller = await levels({ transforms: [resize(4), normalize()] });
    expect(smaller).to.have.length.greaterThan(0);
    expect((await entries()).length).to.equal(4 + 1 + 4);
  });

  it("drops corrupt entries and decodes again", async () => {
    await levels();
    const paths = (await entries()).map((name) => join(cacheDir, name));
    const flipped = await readFile(paths[0]!);
    flipped[100] = flipped[100]! ^ 1;
    await writeFile(paths[0]!, flipped);
    await writeFile(paths[1]!, "short");
    expect(await levels()).to.deep.equal(LEVELS);
    for (const path of paths) expect((await readFile(path)).length).to.equal(ENTRY);
    expect(await levels()).to.deep.equal(LEVELS);
  });

  it("keeps to its limit, with room for what is in use rather than what is old", async () => {
    await levels({}, 2 * ENTRY);
    const first = await entries();
    expect(first).to.have.length(2);
    await levels({ transforms: [resize(8, { interpolation: "nearest" }), normalize()] }, 2 * ENTRY);
    const second = await entries();
    expect(second).to.have.length(2);
    expect(second.filter((name) => first.includes(name))).to.deep.equal([]);
  });

  it("keeps to its limit also where many are written at once, and counts what is written twice once", async () => {
    const cache = new DiskCache({ dir: cacheDir, bytes: 3 * ENTRY });
    const pixels = new Uint8Array(PIXELS);
    await Promise.all(["a", "b", "c", "d", "a", "e"].map((key) => cache.write(key, pixels)));
    expect(await entries()).to.deep.equal(["a.pixels", "b.pixels", "c.pixels"]);
  });

  it("is used again once what was in its way is gone", async () => {
    await writeFile(cacheDir, "a file");
    const cache = new DiskCache({ dir: cacheDir });
    expect((await rejected(cache.read("k", new Uint8Array(2)))).code).to.equal("ERR_IO");
    await rm(cacheDir);
    expect(await cache.read("k", new Uint8Array(2))).to.equal(false);
    await cache.write("k", Uint8Array.of(1, 2));
    expect(await cache.read("k", new Uint8Array(2))).to.equal(true);
  });

  it("takes an entry that another process evicts meanwhile for one that is not there", async () => {
    await mkdir(cacheDir);
    // A link that leads nowhere is listed and cannot be asked for its size, as an entry that has just gone.
    await symlink(join(cacheDir, "gone"), join(cacheDir, "evicted.pixels"));
    const cache = new DiskCache({ dir: cacheDir });
    expect(await cache.read("evicted", new Uint8Array(1))).to.equal(false);
  });

  it("deletes what killed processes were writing, and nothing younger", async () => {
    await mkdir(cacheDir);
    await writeFile(join(cacheDir, "old.tmp"), "");
    await writeFile(join(cacheDir, "new.tmp"), "");
    const before = new Date(Date.now() - 2 * 60 * 60 * 1000);
    await utimes(join(cacheDir, "old.tmp"), before, before);
    await new DiskCache({ dir: cacheDir }).read("k", new Uint8Array(1));
    expect(await readdir(cacheDir)).to.deep.equal(["new.tmp"]);
  });

  it("says which folder cannot be used", async () => {
    await writeFile(cacheDir, "a file");
    const error = await rejected(levels());
    expect(error).to.include({ code: "ERR_IO", path: cacheDir, argument: "diskCache" });
  });

  it("does without where writing fails", async () => {
    const cache = new DiskCache({ dir: cacheDir });
    const key = "0".repeat(64);
    expect(await cache.read(key, new Uint8Array(4))).to.equal(false);
    await removeFolder(cacheDir);
    await cache.write(key, new Uint8Array(4));
    expect(await cache.read(key, new Uint8Array(4))).to.equal(false);
  });

  it("keeps nothing of images without a file", async () => {
    const bytes = await plain([7, 7, 7]).png().toBuffer();
    const loader = new DataLoader(
      { length: 1, classes: ["x"], sample: () => ({ path: "seven", label: 0, source: bytes }) },
      { batchSize: 1, transforms: [resize(8), normalize()], diskCache: { dir: cacheDir } },
    );
    for await (const batch of loader) batch.dispose();
    expect(await readdir(join(cacheDir, "..")).then((names) => names.includes(cacheDir))).to.equal(false);
  });
});
