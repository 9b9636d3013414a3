import { expect } from "chai";
import { createHash } from "node:crypto";
import { appendFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "tar";
import { gzipSync } from "node:zlib";
import { openDataset } from "mutual-channel-loss";
import { openEvaluationSet, verifyDataset, type ListDataset } from "mutual-channel-loss/data";
import { ShardReader } from "#lib/data/shards/shard-cache.js";
import { openShard } from "#lib/data/shards/shard-file.js";
import { readDataset } from "#lib/data/open-dataset.js";
import { throwProblem } from "#lib/data/sets/problems.js";
import { RemoteReader } from "#lib/io/remote-file.js";
import { rejected } from "../support/errors.js";
import { plain, write, writeGreys } from "../support/image-files.js";
import { temporaryFolder } from "../support/images.js";
import { localServers } from "../support/local-server.js";
import { serveRanges, tarOf } from "../support/shards.js";
import { ownCache } from "../support/own-cache.js";

const folder = temporaryFolder();
const path = (...names: string[]) => join(folder(), ...names);

/** The samples' own bytes, with what is said of them. */
async function contents({ samples, classes }: Pick<ListDataset, "samples" | "classes">) {
  return Promise.all(
    samples.map(async ({ path: name, label, source }) => {
      const bytes = typeof source === "function" ? await source() : await readFile(source as string);
      return [name.split("/").at(-1), classes[label], createHash("sha256").update(bytes).digest("hex")];
    }),
  );
}

describe("WebDataset shards", () => {
  ownCache(() => path("cache"));
  let grey: (level: number) => Promise<Buffer>;
  before(() => {
    grey = (level) => plain([level, level, level]).png().toBuffer();
  });

  /** `count` shards of three samples each, with the classes 0, 1 and 2. */
  async function writeShards(name: string, count = 2): Promise<string> {
    for (let shard = 0; shard < count; shard += 1) {
      const files: Record<string, Uint8Array | string> = {};
      for (let i = 0; i < 3; i += 1) {
        files[`${shard}${i}.png`] = await grey(shard * 10 + i);
        files[`${shard}${i}.cls`] = `${i}\n`;
      }
      await write(path(name, `set-${String(shard).padStart(4, "0")}.tar`), tarOf(files));
    }
    return path(name);
  }

  it("are opened by braces, as a folder and one by one", async () => {
    const dir = await writeShards("three", 3);
    const braces = await openDataset(join(dir, "set-{0000..0002}.tar"));
    expect(braces.length).to.equal(9);
    expect(braces.classes).to.deep.equal(["0", "1", "2"]);
    expect(braces.samples.map(({ label }) => label)).to.deep.equal([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect(await contents(await openDataset(dir))).to.deep.equal(await contents(braces));
    expect(await contents(await openDataset(join(dir, "set-*.tar")))).to.deep.equal(await contents(braces));
    const one = await openDataset(join(dir, "set-0001.tar"));
    expect(await contents(one)).to.deep.equal((await contents(braces)).slice(3, 6));
    expect(one.sample(0).path).to.equal(join(dir, "set-0001.tar", "10.png"));
  });

  it("have labels in .cls or .json, as numbers that classes.txt names or as names, and else by folder", async () => {
    const image = await grey(5);
    const cases: [Record<string, Uint8Array | string>, (string | undefined)[]][] = [
      [{ "b.png": image, "b.cls": "wren", "c.png": image, "c.cls": "jay\n" }, ["wren", "jay"]],
      [{ "x/b.jpg": image, "x/b.json": '{"label": 1}' }, ["1"]],
      [{ "b.png": image, "b.json": '{"class_name": "jay"}', "b.txt": "a caption" }, ["jay"]],
      // A .cls goes before what a .json says.
      [{ "b.json": '{"label": 4}', "b.png": image, "b.cls": "2" }, ["2"]],
      [{ "photos/jay/1.png": image, "photos/wren/1.png": image }, ["jay", "wren"]],
      // The labels may come first, and other files between.
      [{ "a.cls": "jay", "b.cls": "wren", "a.png": image, "b.png": image }, ["jay", "wren"]],
    ];
    for (const [number, [files, names]] of cases.entries()) {
      const file = await write(path("labels", `${number}.tar`), tarOf(files));
      const { samples, classes } = await openDataset(file);
      expect(samples.map(({ label }) => classes[label])).to.deep.equal(names);
    }
    await write(path("labels", "classes.txt"), "jay\r\nwren\r\n\r\n");
    const named = await openDataset(path("labels", "1.tar"));
    expect([named.classes, named.sample(0).label]).to.deep.equal([["jay", "wren"], 1]);
    await rm(path("labels", "classes.txt"));
  });

  it("count what is neither image nor label by extension", async () => {
    const files = { "a.png": await grey(1), "a.cls": "0", "a.txt": "x", "b.txt": "y", "a.heic": "z" };
    const { notes, passedOver } = await readDataset(
      await write(path("others.tar"), tarOf(files)),
      throwProblem,
    );
    expect(passedOver).to.deep.equal({ ".txt": 2, ".heic": 1 });
    expect(notes?.join()).to.contain("2 .txt").and.to.contain("1 .heic");
  });

  it("take the classes of a model, by name", async () => {
    const files = { "a.png": await grey(1), "a.cls": "wren" };
    const file = await write(path("model.tar"), tarOf(files));
    const set = await openEvaluationSet({ dir: file, classes: ["owl", "wren"] });
    expect(set.sample(0).label).to.equal(1);
    const { message } = await rejected(openEvaluationSet({ dir: file, classes: ["owl", "jay"] }));
    expect(message).to.contain("model.tar: has a.png of the class wren");
  });

  it("are parts of a set by their names", async () => {
    const files = { "a.png": await grey(1), "a.cls": "0", "b.png": await grey(2), "b.cls": "1" };
    for (const name of ["birds-train-000.tar", "birds-val-000.tar"]) {
      await write(path("parts", name), tarOf(files));
    }
    expect((await openDataset(path("parts"), { split: "train" })).length).to.equal(2);
    const here = process.cwd();
    process.chdir(path("parts"));
    try {
      expect((await openDataset("birds-{train,val}-000.tar", { split: "val" })).length).to.equal(2);
    } finally {
      process.chdir(here);
    }
  });

  it("are read as tar and GNU tar write them, with long names", async () => {
    const long = `photos/${"a".repeat(120)}/${"b".repeat(90)}.png`;
    await write(path("long", long), await grey(3));
    await write(path("long", "photos", "c", "1.png"), await grey(4));
    await create({ file: path("long.tar"), cwd: path("long"), portable: true }, ["photos"]);
    const { classes, samples } = await openDataset(path("long.tar"));
    expect(classes).to.deep.equal(["a".repeat(120), "c"]);
    expect(await contents({ classes, samples })).to.have.length(2);
    expect(samples[0]?.path).to.equal(join(path("long.tar"), long));
  });

  it("are looked through once: what is in them is kept, until they change", async () => {
    const dir = await writeShards("kept", 1);
    const file = join(dir, "set-0000.tar");
    await rm(path("cache", "shards"), { recursive: true, force: true });
    const first = await contents(await openDataset(file));
    const [kept] = await readdir(path("cache", "shards"));
    const index = path("cache", "shards", kept!);
    expect(await contents(await openDataset(file))).to.deep.equal(first);
    expect(await readdir(path("cache", "shards"))).to.have.length(1);
    // One that is damaged is made again.
    await writeFile(index, "{}");
    expect(await contents(await openDataset(file))).to.deep.equal(first);
    await writeFile(file, tarOf({ "new.png": await grey(9), "new.cls": "0" }));
    expect((await openDataset(file)).length).to.equal(1);
  });

  for (const [what, damage, problem] of [
    ["cut short", (bytes: Buffer) => bytes.subarray(0, 700), "it is cut short"],
    ["without an end", (bytes: Buffer) => bytes.subarray(0, -1024), "it is cut short"],
    ["no tar", () => Buffer.from("no tar ".repeat(200)), "it is damaged, or no tar"],
    ["compressed", (bytes: Buffer) => gzipSync(bytes), "is compressed by gzip"],
    ["empty", () => Buffer.alloc(0), "cut short"],
    ["of no images", () => tarOf({ "a.txt": "nothing" }), "has no images"],
  ] as const) {
    it(`that are ${what} are an error that names them`, async () => {
      const dir = await writeShards("damaged", 1);
      const file = join(dir, "set-0000.tar");
      await writeFile(file, damage(await readFile(file)));
      const error = await rejected(openDataset(join(dir, "set-0000.tar")));
      expect(error).to.include({ code: "ERR_DATASET", path: file });
      expect(error.message).to.contain(file).and.to.contain(problem);
    });
  }

  it("that are missing, or images without a label, are errors that name them", async () => {
    const dir = await writeShards("missing", 1);
    const missing = await rejected(openDataset(join(dir, "set-{0000..0001}.tar")));
    expect(missing).to.include({ code: "ERR_DATASET", path: join(dir, "set-0001.tar") });
    const file = await write(path("unlabelled.tar"), tarOf({ "a.png": await grey(1) }));
    expect((await rejected(openDataset(file))).message).to.contain("has a.png without a label");
    const mixed = await rejected(openDataset(path("a.{tar,parquet}")));
    expect(mixed.message).to.contain("all must end in .tar");
    const bucket = await rejected(openDataset("s3://bucket/set-{0..3}.tar"));
    expect(bucket.message).to.contain(
      "s3://bucket/set-0.tar cannot be read: of addresses, those of http and https are",
    );
  });

  it("that change while they are read are an error that is not skipped", async () => {
    const dir = await writeShards("changing", 1);
    const set = await openDataset(dir);
    await appendFile(join(dir, "set-0000.tar"), "more");
    const source = set.sample(0).source as () => Promise<Uint8Array>;
    expect((await rejected(source())).code).to.equal("ERR_DATASET");
  });

  it("are verified: damaged images, the same image twice", async () => {
    const image = await grey(1);
    const files = {
      ...{ "a.png": image, "a.cls": "0", "b.png": image, "b.cls": "1" },
      ...{ "c.png": image.subarray(0, 50), "c.cls": "0" },
    };
    const file = await write(path("verify.tar"), tarOf(files));
    const report = await verifyDataset(file);
    expect(report.kind).to.equal("webdataset");
    expect(report.corrupt.map((each) => each.path)).to.deep.equal([join(file, "c.png")]);
    expect(report.leaks).to.deep.equal([[join(file, "a.png"), join(file, "b.png")]]);
    expect(report.ok).to.equal(false);
  });

  describe("on a server", () => {
    const listen = localServers();
    const remote = { pauseMs: 1, stallMs: 200, env: {} };

    async function files(dir: string): Promise<Map<string, Buffer>> {
      const names = await readdir(dir);
      return new Map(
        await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name))] as const)),
      );
    }

    it("have the same samples as on a disk, and the names that classes.txt has there", async () => {
      const dir = await writeShards("served", 3);
      const served = await files(dir);
      const { url } = await listen(serveRanges(served));
      const there = await openDataset(`${url}/set-{0000..0002}.tar`);
      expect(await contents(there)).to.deep.equal(await contents(await openDataset(dir)));
      expect(there.sample(0).path).to.equal(`${url}/set-0000.tar/00.png`);
      served.set("classes.txt", Buffer.from("jay\nowl\nwren\n"));
      expect((await openDataset(`${url}/set-0000.tar`)).classes).to.deep.equal(["jay", "owl", "wren"]);
    });

    it("are not looked through again while they are the same", async () => {
      const asked: [string, string][] = [];
      const { url } = await listen(serveRanges(await files(await writeShards("once", 1)), asked));
      await openDataset(`${url}/set-0000.tar`);
      const before = asked.length;
      await openDataset(`${url}/set-0000.tar`);
      expect(asked.slice(before).map(([, range]) => range)).to.deep.equal(["bytes=0-0", ""]);
    });

    it("are read in blocks, each once while it is kept", async () => {
      const bytes = Buffer.from(Array.from({ length: 10 * 2 ** 20 }, (_, i) => i % 251));
      const asked: [string, string][] = [];
      const { url } = await listen(serveRanges(new Map([["big.tar", bytes]]), asked));
      const file = await openShard(`${url}/big.tar`, new RemoteReader(remote));
      const reader = new ShardReader();
      for (const start of [0, 1000, 5_000_000, 4_194_000, 9_000_000]) {
        expect(
          Buffer.compare(await reader.read(file, start, start + 900), bytes.subarray(start, start + 900)),
        ).to.equal(0);
      }
      const blocks = asked.map(([, range]) => range).slice(1);
      expect(new Set(blocks).size).to.equal(blocks.length).and.equal(3);
      // What is not kept is fetched again.
      const small = new ShardReader(2 ** 20);
      await small.read(file, 0, 10);
      await small.read(file, 0, 10);
      expect(asked.length).to.equal(1 + 3 + 2);
    });

    it("that are gone, or die while they are read, are errors that name them", async () => {
      const dir = await writeShards("dying", 2);
      const served = await files(dir);
      const { url } = await listen((request, response) => serveRanges(served)(request, response));
      const gone = await rejected(openDataset(`${url}/set-{0000..0007}.tar`));
      expect(gone).to.include({ code: "ERR_DATASET", path: `${url}/set-0002.tar` });
      expect(gone.message).to.contain("the server answered 404");
      const set = await readDataset(`${url}/set-{0000..0001}.tar`, throwProblem, { remote });
      served.delete("set-0001.tar");
      const source = set.samples[4]!.source as () => Promise<Uint8Array>;
      const dead = await rejected(source());
      expect(dead).to.include({ code: "ERR_DATASET", path: `${url}/set-0001.tar` });
    });

    it("that break off are read on", async () => {
      const image = await plain([1, 2, 3], 300, 300).png({ compressionLevel: 0 }).toBuffer();
      const tar = tarOf({ "a.png": image, "a.cls": "0", "b.png": image, "b.cls": "1" });
      const { url } = await listen((request, response) => {
        const [, first = "0", last = "0"] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
        const end = Math.min(Number(last), tar.length - 1);
        response.writeHead(request.headers.range ? 206 : 404, {
          "content-range": `bytes ${first}-${end}/${tar.length}`,
          "content-length": end - Number(first) + 1,
        });
        response.write(tar.subarray(Number(first), Math.min(end + 1, Number(first) + 100_000)), () =>
          response.destroy(),
        );
      });
      const set = await readDataset(`${url}/a.tar`, throwProblem, { remote });
      expect(set.samples).to.have.length(2);
      const source = set.samples[1]!.source as () => Promise<Uint8Array>;
      expect(Buffer.compare(await source(), image)).to.equal(0);
    });
  });

  it("of a folder of class folders are not shards", async () => {
    await writeGreys(path("classes"), 4);
    await write(path("classes", "backup.tar"), tarOf({ "a.txt": "x" }));
    expect((await openDataset(path("classes"))).classes).to.deep.equal(["a", "b"]);
  });
});
